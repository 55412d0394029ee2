# Sends one request: METHOD URL BODY, over /dev/tcp of bash. Prints the status. Plain HTTP only.
method=$1 rest=${2#http://} body=$3
authority=${rest%%/*}
host=${authority%%:*} port=80
case $authority in *:*) port=${authority##*:} ;; esac
exec 3<>"/dev/tcp/$host/$port" || exit 1
printf '%s /%s HTTP/1.1\r\nHost: %s\r\nX-Api-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
    "$method" "${rest#*/}" "$authority" "$PLANE_API_KEY" "${#body}" "$body" >&3
read -r _ status _ <&3
echo "$status"
