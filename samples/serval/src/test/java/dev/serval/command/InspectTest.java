package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.LoadListener;
import dev.serval.api.storage.Checkpoint;
import dev.serval.api.storage.CheckpointReader;
import dev.serval.testkit.models.GgufOracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Looking into checkpoints of both formats, and using a GGUF file wherever a folder is used. */
final class InspectTest {
  private static final String DEMO =
      Path.of(System.getProperty("basedir", "."), "../demo-model/weights").normalize().toString();
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir private Path folder;

  private String file(String name) throws IOException {
    return GgufOracle.named(name).file(folder).toString();
  }

  @Test
  void a_gguf_file_is_shown_with_its_configuration_tokenizer_and_tensors() throws IOException {
    CommandRun run = CommandRun.of("inspect", file("llama-Q4_K_M"));

    assertThat(run.exit()).isZero();
    assertThat(run.out())
        .containsPattern("format +gguf")
        .containsPattern("architecture +LlamaForCausalLM")
        .containsPattern("runs_as +llama")
        .containsPattern("hidden_size +\\d+")
        .containsPattern("model.layers.0.mlp.down_proj.weight +Q[46]_K +\\[\\d+, \\d+\\] +\\d")
        .contains("Q4_K", "Q6_K", "F32")
        .containsPattern("weights once loaded\n +cpu:0 +\\d.* MiB\n")
        .doesNotContain("sha256");
  }

  @Test
  void a_folder_is_shown_likewise() {
    CommandRun run = CommandRun.of("inspect", DEMO);

    assertThat(run.exit()).isZero();
    assertThat(run.out())
        .containsPattern("format +safetensors")
        .containsPattern("tokens +\\d+")
        .contains("model.embed_tokens.weight");
  }

  @Test
  void a_program_reads_it_as_json_that_adds_up() throws IOException {
    JsonNode sheet = JSON.readTree(CommandRun.of("inspect", "--json", file("qwen3-Q4_0")).out());

    assertThat(sheet.get("format").asString()).isEqualTo("gguf");
    assertThat(sheet.at("/config/model_type").asString()).isEqualTo("qwen3");
    assertThat(sheet.at("/tokenizer/kind").asString()).startsWith("BPE");
    List<JsonNode> tensors =
        StreamSupport.stream(sheet.get("tensors").spliterator(), false).toList();
    assertThat(tensors).hasSize(sheet.get("tensor_count").asInt());
    assertThat(tensors.stream().mapToLong(tensor -> tensor.get("bytes").asLong()).sum())
        .isEqualTo(sheet.get("tensor_bytes").asLong())
        .isLessThan(Files.size(folder.resolve("qwen3-Q4_0.gguf")));
    assertThat(sheet.at("/loaded_bytes/cpu:0").asLong())
        .isBetween(
            sheet.get("tensor_bytes").asLong(), Files.size(folder.resolve("qwen3-Q4_0.gguf")));
  }

  @Test
  void the_digest_on_demand_is_the_one_that_the_runtime_goes_by() throws IOException {
    String file = file("llama-Q8_0");

    String digest =
        JSON.readTree(CommandRun.of("inspect", "--json", "--digest", file).out())
            .get("sha256")
            .asString();

    CheckpointReader reader =
        ServiceLoader.load(CheckpointReader.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(one -> one.format().equals("gguf"))
            .findFirst()
            .orElseThrow();
    try (Checkpoint checkpoint = reader.open(Path.of(file), LoadListener.NONE)) {
      assertThat(checkpoint.digest()).hasToString(digest);
    }
  }

  @Test
  void what_is_no_checkpoint_is_said_in_a_sentence() throws IOException {
    Path text = Files.writeString(folder.resolve("notes.txt"), "no model");

    assertThat(CommandRun.of("inspect", text.toString()).err())
        .contains("notes.txt is in no known format", "gguf", "safetensors")
        .hasLineCount(1);
    assertThat(CommandRun.of("inspect", "/no/such/place").err())
        .isEqualTo("serval: there is nothing at /no/such/place\n");
  }

  @Test
  void a_damaged_file_is_refused_by_what_is_wrong_with_it() throws IOException {
    Path file = Path.of(file("llama-Q8_0"));
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length - 100));

    CommandRun run = CommandRun.of("inspect", file.toString());

    assertThat(run.exit()).isEqualTo(1);
    assertThat(run.err()).startsWith("serval: ").contains("takes").hasLineCount(1);
  }

  @Test
  void a_gguf_file_generates_as_a_folder_does() throws IOException {
    CommandRun run =
        CommandRun.of(
            ("generate --json --ignore-eos --max-tokens 5 --temperature 0 Hello --model "
                    + file("llama-Q8_0"))
                .split(" "));

    assertThat(run.err()).isEmpty();
    assertThat(JSON.readTree(run.out()).get("token_ids").size()).isEqualTo(5);
  }

  @Test
  void a_model_is_less_surprised_by_what_it_was_trained_on() throws IOException {
    Path known = Files.writeString(folder.resolve("known.txt"), examples());
    Path strange = Files.writeString(folder.resolve("strange.txt"), shuffled(examples()));

    assertThat(perplexity(known)).isBetween(1.0, perplexity(strange) / 4);
    assertThat(
            CommandRun.of("perplexity", "--model", DEMO, "--window", "100000", known.toString())
                .err())
        .contains("a window takes 100000")
        .hasLineCount(1);
  }

  private static String examples() throws IOException {
    StringBuilder text = new StringBuilder();
    for (Examples.Example example : Examples.all().subList(0, 40)) {
      text.append("<|im_start|>user\n%s<|im_end|>\n".formatted(example.question()));
      text.append("<|im_start|>assistant\n%s<|im_end|>\n".formatted(example.answer()));
    }
    return text.toString();
  }

  private static String shuffled(String text) {
    List<String> letters = new ArrayList<>(List.of(text.split("", -1)));
    Collections.shuffle(letters, new Random(7));
    return String.join("", letters);
  }

  private static double perplexity(Path text) {
    CommandRun run = CommandRun.of("perplexity", "--model", DEMO, "--window", "64", "" + text);
    assertThat(run.err()).isEmpty();
    return Double.parseDouble(run.out().split(" ", 2)[0]);
  }

  @Test
  void an_engine_is_measured_beside_the_machine(@TempDir Path results) throws IOException {
    Path result = results.resolve("engine.json");

    CommandRun run =
        CommandRun.of(
            ("bench --prefill 24 --decode 1,3 --decode-tokens 4 --repetitions 2 --result-file "
                    + result
                    + " --engine "
                    + file("llama-Q8_0"))
                .split(" "));

    assertThat(run.exit()).isZero();
    assertThat(run.out()).contains("prefill 24", "decode 1", "decode 3", "GB/s", "Gop/s");
    JsonNode cells = JSON.readTree(Files.readString(result)).get("results");
    assertThat(cells.size()).isEqualTo(3);
    for (JsonNode cell : cells) {
      assertThat(cell.get("tokens_per_second").asDouble()).isPositive();
      assertThat(cell.get("samples").size()).isEqualTo(2);
      assertThat(cell.get("roofline").asDouble()).isPositive();
    }
  }
}
