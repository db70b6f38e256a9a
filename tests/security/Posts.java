import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Posts one body many times as Java's own client does by default: over plain HTTP each asks for h2c. Prints the statuses. */
class Posts {
    public static void main(String[] given) throws Exception {
        var builder = HttpClient.newBuilder();
        if (given.length > 3) {
            var authority = KeyStore.getInstance(KeyStore.getDefaultType());
            authority.load(null);
            try (var file = Files.newInputStream(Path.of(given[3]))) {
                authority.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(file));
            }
            var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(authority);
            var tls = SSLContext.getInstance("TLS");
            tls.init(null, trust.getTrustManagers(), null);
            builder.sslContext(tls);
        }
        var client = builder.build();
        for (int number = 0; number < 20; number++) {
            var request = HttpRequest.newBuilder(URI.create(given[0])).header("X-API-Key", given[1])
                .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(given[2])).build();
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
    }
}
