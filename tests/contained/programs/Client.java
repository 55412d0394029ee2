// Sends one request: METHOD URL BODY. Prints the status.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Client {
    public static void main(String[] arguments) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(arguments[1]))
            .header("X-Api-Key", System.getenv("PLANE_API_KEY"))
            .header("Content-Type", "application/json")
            .method(arguments[0], HttpRequest.BodyPublishers.ofString(arguments[2]))
            .build();
        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
