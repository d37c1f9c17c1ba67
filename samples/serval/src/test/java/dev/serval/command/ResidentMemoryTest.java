package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Bytes;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** What a server takes of the machine's memory, in a process of its own. */
@EnabledOnOs(OS.LINUX)
final class ResidentMemoryTest {
  private static final Path DEMO =
      Path.of(System.getProperty("basedir", "."), "../demo-model/weights");
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final int HIDDEN = 1024;
  private static final int FEED_FORWARD = 4096;
  private static final int LAYERS = 6;
  private static final int KEYS = 256;
  private static final int VOCABULARY = 3072;

  /** Tokens of a prompt, and what the keys and values of one take, in BF16. */
  private static final int PROMPT = 500;

  private static final long TOKEN_BYTES = 2L * LAYERS * KEYS * Short.BYTES;

  @TempDir private Path folder;

  @Test
  @Tag("slow")
  void weights_are_in_memory_once_beside_full_kv_and_150_mebibytes() throws Exception {
    Bytes kv = Bytes.mebi(64);
    long weights = writeModel();

    try (ServeProcess serve =
        ServeProcess.start("--model", folder.toString(), "--kv-budget", "64MiB")) {
      URI completions = serve.base().resolve("/v1/completions");
      for (int prompt = 0; prompt < kv.count() / (PROMPT * TOKEN_BYTES) + 2; prompt++) {
        complete(completions, prompt);
      }

      long limit = weights * 11 / 10 + kv.count() + Bytes.mebi(150).count();
      assertThat(settled(serve.pid(), limit))
          .as("%s of weights", Bytes.of(weights))
          .isBetween(weights + kv.count(), limit);
    }
  }

  /** What a process has once it has given back what it freed, which it does every few seconds. */
  private static long settled(long pid, long limit) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (resident(pid) > limit && System.nanoTime() < deadline) {
      Thread.sleep(100);
    }
    return resident(pid);
  }

  /** Has a prompt answered that begins like no other. */
  private static void complete(URI address, int first) throws Exception {
    int[] prompt = IntStream.range(0, PROMPT).map(i -> (first + i) % VOCABULARY).toArray();
    Map<String, Object> body = Map.of("prompt", prompt, "max_tokens", 1);
    HttpRequest request =
        HttpRequest.newBuilder(address)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body)))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }
  }

  private static long resident(long pid) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }

  /** Writes a model of nothing but zeros; gives the size of its weights' file. */
  private long writeModel() throws IOException {
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(DEMO.resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("config.json"), JSON.writeValueAsString(config()));
    Map<String, Object> header = new LinkedHashMap<>();
    long end = 0;
    for (Map.Entry<String, List<Integer>> tensor : tensors().entrySet()) {
      long from = end;
      end += 2L * tensor.getValue().stream().reduce(1, Math::multiplyExact);
      header.put(
          tensor.getKey(),
          Map.of("dtype", "BF16", "shape", tensor.getValue(), "data_offsets", List.of(from, end)));
    }
    return write(JSON.writeValueAsString(header).getBytes(StandardCharsets.UTF_8), end);
  }

  private long write(byte[] header, long data) throws IOException {
    Path file = folder.resolve("model.safetensors");
    ByteBuffer begin = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
    begin.putLong(header.length).put(header).flip();
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(begin);
      channel.write(ByteBuffer.allocate(1), 8 + header.length + data - 1);
    }
    return Files.size(file);
  }

  private static Map<String, List<Integer>> tensors() {
    Map<String, List<Integer>> tensors = new LinkedHashMap<>();
    tensors.put("model.embed_tokens.weight", List.of(VOCABULARY, HIDDEN));
    tensors.put("model.norm.weight", List.of(HIDDEN));
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      tensors.put(layer + "input_layernorm.weight", List.of(HIDDEN));
      tensors.put(layer + "post_attention_layernorm.weight", List.of(HIDDEN));
      tensors.put(layer + "self_attn.q_proj.weight", List.of(HIDDEN, HIDDEN));
      tensors.put(layer + "self_attn.k_proj.weight", List.of(KEYS, HIDDEN));
      tensors.put(layer + "self_attn.v_proj.weight", List.of(KEYS, HIDDEN));
      tensors.put(layer + "self_attn.o_proj.weight", List.of(HIDDEN, HIDDEN));
      tensors.put(layer + "mlp.gate_proj.weight", List.of(FEED_FORWARD, HIDDEN));
      tensors.put(layer + "mlp.up_proj.weight", List.of(FEED_FORWARD, HIDDEN));
      tensors.put(layer + "mlp.down_proj.weight", List.of(HIDDEN, FEED_FORWARD));
    }
    return tensors;
  }

  private static Map<String, Object> config() throws IOException {
    Map<String, Object> config =
        new LinkedHashMap<>(JSON.readValue(DEMO.resolve("config.json").toFile(), new MapType()));
    config.put("hidden_size", HIDDEN);
    config.put("intermediate_size", FEED_FORWARD);
    config.put("num_hidden_layers", LAYERS);
    config.put("num_attention_heads", 16);
    config.put("num_key_value_heads", 4);
    config.put("head_dim", 64);
    return config;
  }

  private static final class MapType extends TypeReference<Map<String, Object>> {}
}
