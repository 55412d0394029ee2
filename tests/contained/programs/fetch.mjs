// Sends one request: METHOD URL BODY. Prints the status.
const [method, url, body] = process.argv.slice(2);
const headers = { "X-Api-Key": process.env.PLANE_API_KEY, "Content-Type": "application/json" };
const response = await fetch(url, { method, headers, body: method === "GET" ? undefined : body });
console.log(response.status);
