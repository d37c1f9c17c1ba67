package dev.serval.benchmarks;

import dev.serval.api.EmbeddingRequest;
import dev.serval.api.EmbeddingResult;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.TensorBatching;
import dev.serval.runtime.EmbeddingSource;
import dev.serval.runtime.Serval;
import dev.serval.testkit.models.MiniLm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How many texts a second all-MiniLM-L6-v2 embeds for one caller, who waits for each answer, and
 * for sixteen such callers at once, each text alone ({@code maxBatch} 1) and together. Queries have
 * 3 to 9 words, passages 3 to 60.
 *
 * <p>{@code mvn -Pjmh -DskipTests -pl benchmarks -am verify -Djmh.args=EmbeddingBenchmark}
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class EmbeddingBenchmark {
  private static final int TEXTS = 512;
  private static final String[] WORDS =
      "the cat of savannah hunts at dusk while rivers carry light and people forget passwords"
          .split(" ");

  /** The most texts of a batch. */
  @Param({"1", "32"})
  public int maxBatch = 32;

  /** How long the texts are. */
  @Param({"queries", "passages"})
  public String texts = "queries";

  private List<String> drawn = List.of();
  private Path folder = Path.of("");
  private @Nullable ServingRuntime runtime;

  /** Unpacks and opens the model. */
  @Setup
  public void open() throws IOException {
    folder = Files.createTempDirectory("serval-embeddings-");
    runtime =
        Serval.builder()
            .embeddings(
                EmbeddingSource.of(MiniLm.unpack(folder))
                    .withBatching(TensorBatching.DEFAULT.withMaxBatch(maxBatch, 4096)))
            .build();
    Random random = new Random(42);
    int most = texts.equals("queries") ? 9 : 60;
    drawn = IntStream.range(0, TEXTS).mapToObj(i -> text(random, most)).toList();
  }

  private static String text(Random random, int mostWords) {
    String[] words = new String[3 + random.nextInt(mostWords - 2)];
    Arrays.setAll(words, i -> WORDS[random.nextInt(WORDS.length)]);
    return String.join(" ", words);
  }

  /** Closes the model and removes its files. */
  @TearDown
  public void close() throws IOException {
    Objects.requireNonNull(runtime).close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /**
   * One caller.
   *
   * @return the vector
   */
  @Benchmark
  @Threads(1)
  public EmbeddingResult oneCaller() {
    return embed();
  }

  /**
   * Sixteen callers, each with a text.
   *
   * @return the vector
   */
  @Benchmark
  @Threads(16)
  public EmbeddingResult sixteenCallers() {
    return embed();
  }

  private EmbeddingResult embed() {
    String text = drawn.get(ThreadLocalRandom.current().nextInt(TEXTS));
    return Objects.requireNonNull(runtime).embed(EmbeddingRequest.of(text)).join();
  }
}
