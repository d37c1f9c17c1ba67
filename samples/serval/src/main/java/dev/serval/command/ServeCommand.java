package dev.serval.command;

import dev.serval.api.ServedEmbeddingModel;
import dev.serval.api.ServedModel;
import dev.serval.api.ServiceLevel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.Tenant;
import dev.serval.runtime.ServingRuntimeBuilder;
import dev.serval.server.HttpEndpoint;
import dev.serval.server.OpenAiOptions;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Serves a model over HTTP until it is told to end. */
@Command(
    name = "serve",
    description = {
      "Serves a model over an HTTP API that OpenAI's clients speak. /ready answers 200 once it",
      "serves. Ctrl-C ends it when the requests under way are answered; a second one at once."
    })
final class ServeCommand implements Callable<Integer> {
  private static final int INTERRUPTED = 130;

  private final Console console;

  @Option(
      names = "--host",
      paramLabel = "HOST",
      description = "where to listen; 0.0.0.0 for all addresses (${DEFAULT-VALUE})")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "where to listen; 0 for any port that is free (${DEFAULT-VALUE})")
  private int port = 8000;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description = "a key that clients must bring; may be given several times (none)")
  private Set<String> apiKeys = Set.of();

  @Option(
      names = "--allowed-origin",
      paramLabel = "ORIGIN",
      description = "whose web pages may call, * for all; may be given several times (none)")
  private Set<String> origins = Set.of();

  @Option(
      names = "--ttft",
      paramLabel = "MS",
      description = "milliseconds to an answer's first token that are aimed at (${DEFAULT-VALUE})")
  private int ttft = 2000;

  @Option(
      names = "--tpot",
      paramLabel = "MS",
      description = "milliseconds between an answer's tokens that are aimed at (${DEFAULT-VALUE})")
  private int tpot = 100;

  @Option(
      names = "--tenant",
      paramLabel = "KEY=NAME[:WEIGHT[:REQUESTS[:TOKENS]]]",
      description = {
        "the tenant that brings this key: its share where tenants compete (1), how many requests",
        "it may have at once and how many tokens a minute (any number); may be given several times"
      })
  private Map<String, String> tenants = Map.of();

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      description = "how long requests under way may take when it ends (${DEFAULT-VALUE})")
  private int grace = 30;

  @Option(
      names = "--embeddings",
      paramLabel = "DIR",
      description =
          "an embedding model's folder, with an .onnx file and tokenizer.json; may be given several times (none)")
  private List<Path> embeddings = List.of();

  @Mixin private ModelOptions model = new ModelOptions();

  ServeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws InterruptedException {
    requireFree();
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    try (ServingRuntime runtime =
            model.open(console, TokenizerGarbage::new, builder -> configure(builder, registry));
        HttpEndpoint endpoint = endpoint(runtime, registry)) {
      CountDownLatch end = new CountDownLatch(1);
      Interrupts.count(nth -> interrupted(nth, end));
      collectWarmUp();
      console.out().print(runtime.describe());
      console.out().printf("serving %s at %s%n", names(runtime), address(endpoint));
      end.await();
      runtime.drain(Duration.ofSeconds(grace));
      return ExitCode.OK;
    }
  }

  private void configure(ServingRuntimeBuilder builder, PrometheusMeterRegistry registry) {
    builder.meters(registry);
    embeddings.forEach(builder::embeddings);
  }

  /** What loading and warming up leave in the heap would otherwise stay until it is full. */
  private static void collectWarmUp() {
    System.gc();
  }

  /**
   * Before a model is loaded for minutes; whoever takes the port meanwhile is met by the server.
   */
  private void requireFree() {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(host, port));
    } catch (IOException | IllegalArgumentException e) {
      throw new CommandException(
          "cannot listen on port %d of %s: %s; choose another with --port, 0 for any that is free"
              .formatted(port, host, e.getMessage()),
          e);
    }
  }

  private HttpEndpoint endpoint(ServingRuntime runtime, PrometheusMeterRegistry registry) {
    return HttpEndpoint.builder(runtime)
        .host(host)
        .port(port)
        .metrics(registry)
        .options(options())
        .start();
  }

  private OpenAiOptions options() {
    ServiceLevel level =
        ServiceLevel.INTERACTIVE
            .withTtft(Duration.ofMillis(ttft))
            .withTpot(Duration.ofMillis(tpot));
    OpenAiOptions.Builder options =
        OpenAiOptions.builder().allowedOrigins(origins).level(ctx -> level);
    if (tenants.isEmpty()) {
      return options.apiKeys(apiKeys).build();
    }
    Map<String, Tenant> byKey = new HashMap<>();
    tenants.forEach((key, tenant) -> byKey.put(key, TenantOption.of(tenant)));
    apiKeys.forEach(key -> byKey.putIfAbsent(key, Tenant.HOST));
    return options.tenants(byKey).build();
  }

  private void interrupted(int nth, CountDownLatch end) {
    if (nth > 1) {
      Runtime.getRuntime().halt(INTERRUPTED);
    }
    console
        .err()
        .println("serval: ending once the requests under way are answered; again: at once");
    end.countDown();
  }

  private static String names(ServingRuntime runtime) {
    return Stream.concat(
            runtime.models().stream().map(ServedModel::name),
            runtime.embeddingModels().stream().map(ServedEmbeddingModel::name))
        .collect(Collectors.joining(", "));
  }

  private static String address(HttpEndpoint endpoint) {
    String host = endpoint.host().contains(":") ? "[" + endpoint.host() + "]" : endpoint.host();
    return "http://" + host + ":" + endpoint.port();
  }
}
