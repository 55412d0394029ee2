// Sends one request: METHOD URL BODY. Prints the status.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	request, err := http.NewRequest(os.Args[1], os.Args[2], strings.NewReader(os.Args[3]))
	if err != nil {
		panic(err)
	}
	request.Header.Set("X-Api-Key", os.Getenv("PLANE_API_KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(io.Discard, response.Body)
	fmt.Println(response.StatusCode)
}
