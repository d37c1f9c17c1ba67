package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.compute.DType;
import dev.serval.batching.AdmissionPolicies;
import dev.serval.batching.ChunkPolicies;
import dev.serval.testkit.models.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a builder refuses, before anything is opened. */
final class ServingRuntimeBuilderTest {
  @TempDir Path folder;
  private Path model;

  @BeforeEach
  void aModel() throws IOException {
    model = Oracle.named("llama").folder(folder);
  }

  @Test
  void a_runtime_without_a_model_is_refused() {
    refuses(Serval.builder(), "model: there is none; add the folder of a checkpoint");
  }

  @Test
  void every_problem_is_told_at_once_in_the_order_of_the_options() {
    refuses(
        Serval.builder()
            .model(folder.resolve("nowhere"))
            .name(" ")
            .threads(0)
            .blockTokens(0)
            .kvBudget(Bytes.ZERO)
            .maxRunning(0)
            .maxWaiting(0)
            .order("nearest")
            .streamBuffer(0)
            .warmUp(Duration.ofMillis(-1))
            .returnAfter(Duration.ofSeconds(Long.MAX_VALUE)),
        "model: there is nothing at " + folder.resolve("nowhere"),
        "name: a runtime's name is not blank",
        "threads: the value is between 1 and 4096, unlike 0",
        "blockTokens: the value is between 1 and 1024, unlike 0",
        "kvBudget: no model runs without any KV memory",
        "maxRunning: the value is between 1 and 65536, unlike 0",
        "maxWaiting: the value is 1 or more, unlike 0",
        "order: there is no policy 'nearest'; there is fcfs, priority, fair, deadline, shortest",
        "streamBuffer: the value is 1 or more, unlike 0",
        "warmUp: the value is between PT0S and PT1H, unlike PT-0.001S",
        "returnAfter: the value is between PT0.001S and PT87600H, unlike "
            + Duration.ofSeconds(Long.MAX_VALUE));
  }

  @Test
  void a_step_that_cannot_hold_all_running_sequences_is_refused() {
    refuses(
        builder().maxRunning(32).maxStepTokens(31),
        "maxStepTokens: 31 tokens are too few for 32 running sequences, which take one each");
  }

  @Test
  void more_prefill_than_a_step_may_have_is_refused() {
    refuses(
        builder().maxStepTokens(100).chunkTokens(101),
        "chunkTokens: 101 tokens are more than the 100 of a step");
  }

  @Test
  void two_options_that_decide_the_same_are_refused() {
    refuses(
        builder()
            .maxWaiting(5)
            .admission(AdmissionPolicies.maxWaiting(6))
            .chunkTokens(64)
            .chunk(ChunkPolicies.fixedBudget(64)),
        "maxWaiting: not beside admission, which decides the same",
        "chunkTokens: not beside chunk, which decides the same");
  }

  @Test
  void keys_and_values_in_a_type_that_no_kernel_reads_are_refused_before_anything_is_loaded() {
    refuses(
        builder().kvDtype(DType.Q4_0),
        "kvDtype: keys and values are kept in F32, F16, BF16 or Q8_0, not in Q4_0");
  }

  @Test
  void null_is_refused_where_it_is_handed_in_by_the_options_name() {
    assertThatNullPointerException()
        .isThrownBy(() -> Serval.builder().model((Path) null))
        .withMessage("path");
    assertThatNullPointerException()
        .isThrownBy(() -> Serval.builder().kvBudget(null))
        .withMessage("kvBudget");
    assertThatNullPointerException()
        .isThrownBy(() -> Serval.builder().order((String) null))
        .withMessage("order");
  }

  @Test
  void names_that_are_blank_or_taken_are_refused() {
    refuses(
        builder()
            .model(ModelSource.of(model).withNames("llama", " "))
            .model(ModelSource.of(model).withNames("b", "b")),
        "model.names: two models are to be served as 'llama'",
        "model.names: a served name is not blank",
        "model.names: two models are to be served as 'b'");
  }

  @Test
  void a_context_that_holds_no_completion_is_refused() {
    refuses(
        Serval.builder().model(ModelSource.of(model).withContextLength(1)),
        "model.contextLength: the value is 2 or more, unlike 1");
  }

  @Test
  void what_is_in_no_known_format_is_refused_with_the_formats_there_are() throws IOException {
    Path text = Files.writeString(folder.resolve("story.txt"), "Once upon a time");
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> Serval.builder().model(text).build())
        .withMessageContaining("story.txt is in no known format; there is")
        .withMessageContaining("safetensors");
    refuses(
        Serval.builder().model(text).services(false),
        "model: %s is in no known format; there is none at all".formatted(text));
  }

  private ServingRuntimeBuilder builder() {
    return Serval.builder().model(model);
  }

  private static void refuses(ServingRuntimeBuilder builder, String... problems) {
    ConfigurationException e =
        catchThrowableOfType(ConfigurationException.class, () -> builder.build().close());
    assertThat(e.problems()).containsExactly(problems);
  }
}
