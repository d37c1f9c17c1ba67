package dev.serval.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.Bytes;
import dev.serval.api.ConfigurationException;
import dev.serval.api.Generation;
import dev.serval.api.GenerationRequest;
import dev.serval.api.GenerationResult;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Prompt;
import dev.serval.api.Sampling;
import dev.serval.api.ServingRuntime;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.api.batching.PolicyProvider;
import dev.serval.api.device.DeviceKind;
import dev.serval.api.device.DevicePreference;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Answers are those without drafts, however they are drawn, on the processor and on a GPU. */
final class DraftedAnswersTest {
  private static final int TOKENS = 24;

  private static final List<Sampling> WAYS =
      List.of(
          Sampling.GREEDY,
          Sampling.builder().temperature(0.9).seed(3).build(),
          Sampling.builder().temperature(1.3).topK(40).topP(0.9).minP(0.01).seed(4).build(),
          Sampling.builder().temperature(0).repetitionPenalty(1.3).presencePenalty(0.4).build(),
          Sampling.builder()
              .temperature(0.7)
              .frequencyPenalty(0.6)
              .logitBias(Map.of(7, 3.0, 90, -4.0))
              .seed(5)
              .build());

  @RegisterExtension final StandInModel served = new StandInModel();

  /** Guesses answers that were given before, with a mistake now and then. */
  private static final class Remembering implements DraftPolicy, PolicyProvider {
    private final List<int[]> known = new ArrayList<>();
    private int asked;

    void learn(int[] prompt, GenerationResult result) {
      List<Integer> answer = result.choices().getFirst().tokenIds();
      known.add(
          IntStream.concat(Arrays.stream(prompt), answer.stream().mapToInt(Integer::intValue))
              .toArray());
    }

    @Override
    public int draft(DraftedSequence sequence, int[] draft, int most) {
      int[] tokens = sequence.tokens();
      int total = sequence.totalTokens();
      for (int[] text : known) {
        if (text.length > total && Arrays.equals(text, 0, total, tokens, 0, total)) {
          int count = Math.min(most, text.length - total);
          System.arraycopy(text, total, draft, 0, count);
          if (++asked % 3 == 0) {
            draft[count / 2] ^= 1;
          }
          return count;
        }
      }
      return 0;
    }

    @Override
    public String name() {
      return "remembering";
    }

    @Override
    public Optional<DraftPolicy> draft() {
      return Optional.of(this);
    }
  }

  private ServingRuntimeBuilder builder(DeviceKind kind) {
    return served.builder(DevicePreference.require(kind));
  }

  private static GenerationRequest request(int[] prompt, Sampling sampling, int logprobs) {
    GenerationRequest.Builder request =
        GenerationRequest.builder(Prompt.tokens(prompt))
            .sampling(sampling)
            .maxTokens(TOKENS)
            .ignoreEos(true);
    return (logprobs < 0 ? request : request.logprobs(logprobs)).build();
  }

  private List<GenerationResult> answers(ServingRuntime runtime) {
    List<Generation> all = new ArrayList<>();
    for (int[] prompt : served.requests().oracle().prompts()) {
      for (int i = 0; i < WAYS.size(); i++) {
        all.add(runtime.submit(request(prompt, WAYS.get(i), i % 2 == 0 ? -1 : 2)));
      }
    }
    return all.stream().map(OracleRequests::result).toList();
  }

  private Remembering remembering(List<GenerationResult> answers) {
    Remembering policy = new Remembering();
    for (int i = 0; i < answers.size(); i++) {
      policy.learn(served.requests().oracle().prompts().get(i / WAYS.size()), answers.get(i));
    }
    return policy;
  }

  private static double counter(MeterRegistry meters, String name) {
    return meters.get(name).counter().count();
  }

  @ParameterizedTest
  @EnumSource(names = {"CPU", "GPU"})
  void answers_are_those_without_drafts_however_they_are_drawn(DeviceKind kind)
      throws InterruptedException {
    List<GenerationResult> expected;
    try (ServingRuntime runtime = builder(kind).build()) {
      expected = answers(runtime);
    }
    MeterRegistry meters = new SimpleMeterRegistry();
    try (ServingRuntime runtime =
        builder(kind).draft(remembering(expected)).draftTokens(8).meters(meters).build()) {
      List<GenerationResult> drafted = answers(runtime);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(drafted.get(i).choices())
            .as("way %d of prompt %d", i % WAYS.size(), i / WAYS.size())
            .isEqualTo(expected.get(i).choices());
        assertThat(drafted.get(i).usage().completionTokens()).isEqualTo(TOKENS);
      }
      OracleRequests.assertNothingHeld(runtime);
      assertThat(counter(meters, "serval.draft.accepted"))
          .isPositive()
          .isLessThan(counter(meters, "serval.draft.tokens"));
    }
  }

  @Test
  void a_text_that_repeats_itself_is_looked_up() {
    int[] prompt = served.requests().oracle().prompts().getFirst();
    Sampling same = Sampling.builder().temperature(0).logitBias(Map.of(11, 100.0)).build();
    MeterRegistry meters = new SimpleMeterRegistry();
    try (ServingRuntime runtime =
        builder(DeviceKind.CPU).draft("prompt-lookup").meters(meters).build()) {
      List<Integer> answer =
          OracleRequests.result(runtime.submit(request(prompt, same, -1)))
              .choices()
              .getFirst()
              .tokenIds();
      assertThat(answer).hasSize(TOKENS).containsOnly(11);
      assertThat(counter(meters, "serval.draft.accepted")).isGreaterThan(TOKENS / 2.0);
    }
  }

  /** Of an answer that was given before, with some of its characters changed. */
  @Test
  void a_prediction_makes_no_other_answer() {
    int[] prompt = served.requests().oracle().prompts().getLast();
    try (ServingRuntime runtime = builder(DeviceKind.CPU).build()) {
      GenerationRequest.Builder request =
          GenerationRequest.builder(Prompt.tokens(prompt)).maxTokens(60).ignoreEos(true);
      GenerationResult plain = OracleRequests.result(runtime.submit(request.build()));
      assertThat(plain.usage().draftedTokens()).isZero();
      String text = plain.choices().getFirst().text();
      int half = text.offsetByCodePoints(0, text.codePointCount(0, text.length()) / 2);
      String changed = text.substring(0, half) + " or not " + text.substring(half);
      GenerationResult predicted =
          OracleRequests.result(runtime.submit(request.prediction(changed).build()));
      assertThat(predicted.choices()).isEqualTo(plain.choices());
      assertThat(predicted.usage().draftedTokens()).isPositive();
      assertThat(predicted.usage().acceptedTokens())
          .isBetween(0, predicted.usage().draftedTokens());
      assertThat(predicted.usage().completionTokens()).isEqualTo(60);
    }
  }

  @Test
  void half_a_character_is_no_prediction() {
    try (ServingRuntime runtime = builder(DeviceKind.CPU).build()) {
      GenerationRequest request =
          GenerationRequest.builder(Prompt.text("a")).prediction("\ud83d").build();
      assertThatThrownBy(() -> runtime.submit(request))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessageContaining("prediction: the text has half a surrogate pair");
    }
  }

  @Test
  void the_screen_says_what_is_drafted() {
    try (ServingRuntime runtime =
        builder(DeviceKind.CPU).draft("prompt-lookup").draftTokens(5).build()) {
      assertThat(runtime.describe().toString())
          .contains("what follows in a request's prediction or the text so far")
          .contains("up to 5 tokens a step");
    }
    try (ServingRuntime runtime = builder(DeviceKind.CPU).build()) {
      assertThat(runtime.describe().toString())
          .contains("drafts")
          .doesNotContain("tokens a step, ");
    }
  }

  @Test
  void a_policy_that_is_not_ours_is_asked_for_by_its_name() {
    try (ServingRuntime runtime =
        builder(DeviceKind.CPU).policyProvider(new Remembering()).draft("remembering").build()) {
      assertThat(runtime.describe().toString()).contains("remembering: given by ");
    }
  }

  @Test
  void one_that_nobody_knows_or_no_step_has_room_for_is_refused() {
    assertThatThrownBy(() -> builder(DeviceKind.CPU).draft("clairvoyant").build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining(
            "draft: there is no policy 'clairvoyant'; there is predicted, prompt-lookup, none");
    assertThatThrownBy(() -> builder(DeviceKind.CPU).draft("prompt-lookup").draftTokens(64).build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("draftTokens")
        .hasMessageContaining("63");
  }

  @Test
  void with_little_room_for_keys_and_values_answers_are_the_same() {
    List<GenerationResult> expected;
    try (ServingRuntime runtime = builder(DeviceKind.CPU).build()) {
      expected = answers(runtime);
    }
    MeterRegistry meters = new SimpleMeterRegistry();
    try (ServingRuntime runtime =
        builder(DeviceKind.CPU)
            .blockTokens(4)
            .kvBudget(Bytes.of(256 << 10))
            .draft(remembering(expected))
            .meters(meters)
            .build()) {
      assertThat(answers(runtime).stream().map(GenerationResult::choices).toList())
          .isEqualTo(expected.stream().map(GenerationResult::choices).toList());
      assertThat(counter(meters, "serval.draft.accepted")).isPositive();
    }
  }
}
