// Sends one request: METHOD URL BODY. Prints the status.
const axios = require("axios");
const [method, url, data] = process.argv.slice(2);
const headers = { "X-Api-Key": process.env.PLANE_API_KEY, "Content-Type": "application/json" };
axios({ method, url, data, headers, validateStatus: () => true }).then((response) => console.log(response.status));
