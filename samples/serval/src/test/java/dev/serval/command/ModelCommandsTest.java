package dev.serval.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The commands that load a model into their own process, with the demo model. */
final class ModelCommandsTest {
  private static final String DEMO =
      Path.of(System.getProperty("basedir", "."), "../demo-model/weights").normalize().toString();
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @Test
  void a_question_is_answered() {
    CommandRun run = CommandRun.of("chat", "--model", DEMO, "What", "is", "a", "nerve?");

    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .isEqualTo(
            "A nerve is any bundle of nerve fibers running to various organs and tissues of the"
                + " body.\n");
    assertThat(run.exit()).isZero();
  }

  @Test
  void a_conversation_reads_line_by_line_until_it_is_told_to_end() {
    CommandRun run =
        CommandRun.typing(
            "Define alive.\n\n/clear\nWhat is a nerve?\n/exit\nDefine alive.\n",
            "chat",
            "--model",
            DEMO);

    assertThat(run.out().lines()).hasSize(2).first().isEqualTo("Alive means possessing life.");
    assertThat(run.out()).contains("A nerve is any bundle");
  }

  @Test
  void a_conversation_that_outgrows_the_context_goes_on_after_clear() {
    CommandRun run =
        CommandRun.typing(
            "Define alive. " + "Define alive. ".repeat(500) + "\nDefine alive.\n",
            "chat",
            "--model",
            DEMO);

    assertThat(run.err()).startsWith("serval: ").contains("/clear").hasLineCount(1);
    assertThat(run.out()).isEqualTo("Alive means possessing life.\n");
  }

  @Test
  void a_text_that_is_piped_in_is_continued_as_it_stands() {
    CommandRun run =
        CommandRun.typing(
            "<|im_start|>user\nDefine alive.<|im_end|>\n<|im_start|>assistant\n\n",
            "generate",
            "--model",
            DEMO);

    assertThat(run.out()).isEqualTo("Alive means possessing life.\n");
  }

  @Test
  void what_is_generated_comes_with_usage_and_timings() {
    CommandRun run =
        CommandRun.of(
            "generate", "--model", DEMO, "--json", "--ignore-eos", "--max-tokens", "7", "A nerve");

    JsonNode answer = JSON.readTree(run.out());
    assertThat(answer.get("text").asString()).isNotEmpty();
    assertThat(answer.get("finish_reason").asString()).isEqualTo("length");
    assertThat(answer.get("token_ids").size()).isEqualTo(7);
    assertThat(answer.at("/usage/completion_tokens").asInt()).isEqualTo(7);
    assertThat(answer.at("/timings_ms/gaps").size()).isEqualTo(6);
    assertThat(answer.at("/timings_ms/total").asDouble())
        .isGreaterThanOrEqualTo(answer.at("/timings_ms/time_to_first_token").asDouble());
  }

  @Test
  void what_an_answer_will_be_much_like_may_lie_in_a_file(@TempDir Path folder) throws IOException {
    String[] asked = {
      "generate", "--model", DEMO, "--json", "--ignore-eos", "--max-tokens", "30", "A nerve"
    };
    JsonNode plain = JSON.readTree(CommandRun.of(asked).out());
    Path file = Files.writeString(folder.resolve("like.txt"), plain.get("text").asString());
    String[] told = Arrays.copyOf(asked, asked.length + 2);
    told[asked.length] = "--prediction";
    told[asked.length + 1] = file.toString();

    JsonNode predicted = JSON.readTree(CommandRun.of(told).out());
    assertThat(predicted.get("token_ids")).isEqualTo(plain.get("token_ids"));
    assertThat(predicted.at("/usage/accepted_tokens").asInt()).isPositive();
    assertThat(plain.at("/usage/drafted_tokens").asInt()).isZero();
  }

  @Test
  void a_prediction_that_is_not_there_or_no_text_is_said_in_a_sentence(@TempDir Path folder)
      throws IOException {
    Path noText = Files.write(folder.resolve("bytes"), new byte[] {'a', (byte) 0xff, 'b'});
    assertThat(CommandRun.of("generate", "--model", DEMO, "--prediction", "/no/file", "a").err())
        .isEqualTo("serval: prediction: there is nothing at /no/file\n");
    CommandRun run =
        CommandRun.of("generate", "--model", DEMO, "--prediction", noText.toString(), "a");
    assertThat(run.exit()).isNotZero();
    assertThat(run.err())
        .startsWith("serval: prediction: " + noText + " is no text in UTF-8")
        .hasLineCount(1);
  }

  @Test
  void a_folder_without_a_model_is_said_in_a_sentence(@TempDir Path empty) {
    assertThat(CommandRun.of("chat", "--model", empty.toString(), "Hello"))
        .satisfies(run -> {
          assertThat(run.exit()).isEqualTo(2);
          assertThat(run.err()).startsWith("serval: ").contains(empty.toString());
        });
    assertThat(CommandRun.of("chat", "--model", "/no/such/place", "Hello").err())
        .isEqualTo("serval: model: there is nothing at /no/such/place\n");
  }

  @Test
  void without_a_demo_model_the_command_says_how_to_get_one() {
    CommandRun run = CommandRun.of("chat", "Hello");

    assertThat(run.exit()).isEqualTo(1);
    assertThat(run.err()).contains("--model PATH", "samples/demo-model/weights").hasLineCount(1);
  }

  @Test
  void devices_are_listed_with_what_they_are_used_for() {
    assertThat(CommandRun.of("devices").out())
        .contains("cpu:0", "cores: ", "runs models by the compute backend cpu")
        .containsPattern(
            "cuda: (no NVIDIA driver: libcuda.so.1 is |the NVIDIA driver |\\d+ device)");
  }

  @Test
  void a_runtime_in_this_process_is_measured(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("result.json");

    CommandRun run =
        CommandRun.of(
            ("bench --num-prompts 6 --num-warmups 1 --request-rate 50 --input-len 8,20"
                    + " --output-len 5 --range-ratio 0.2 --max-concurrency 2 --seed 3 --model")
                .concat(" " + DEMO + " --result-file " + file)
                .split(" "));

    assertThat(run.exit()).isZero();
    assertThat(run.out()).contains("Successful requests:", "P99.9 (ms):");
    JsonNode result = JSON.readTree(Files.readString(file));
    assertThat(result.get("completed").asInt()).isEqualTo(6);
    assertThat(result.get("backend").asString()).isEqualTo("serval");
    assertThat(result.get("output_lens").valueStream()).allMatch(n -> n.asInt() >= 4);
    result.get("itls").valueStream().forEach(gaps -> assertThat(gaps.size()).isBetween(3, 5));
  }
}
