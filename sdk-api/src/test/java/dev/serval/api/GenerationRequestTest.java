package dev.serval.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

final class GenerationRequestTest {
  private static final Prompt PROMPT = Prompt.text("Once");

  @Test
  void a_request_is_greedy_and_unlimited_unless_it_says_otherwise() {
    GenerationRequest request = GenerationRequest.of(PROMPT);
    assertThat(request.sampling().greedy()).isTrue();
    assertThat(request.maxTokens()).isEmpty();
    assertThat(request.model()).isEmpty();
    assertThat(request.choices()).isOne();
    assertThat(request.scope()).isEqualTo(IsolationScope.HOST);
  }

  static Stream<Arguments> badRequests() {
    return Stream.of(
        bad("max_tokens", "0", b -> b.maxTokens(0)),
        bad("stop", "empty", b -> b.stopStrings(List.of("a", ""))),
        bad("stop", "17", b -> b.stopStrings(Collections.nCopies(17, "a"))),
        bad("top_logprobs", "21", b -> b.logprobs(21)),
        bad("top_logprobs", "-1", b -> b.logprobs(-1)),
        bad("n", "0", b -> b.choices(0)),
        bad("n", "129", b -> b.choices(129)));
  }

  private static Arguments bad(
      String parameter, String value, Consumer<GenerationRequest.Builder> change) {
    return Arguments.of(parameter, value, change);
  }

  @ParameterizedTest
  @MethodSource("badRequests")
  void a_value_out_of_range_is_refused_by_its_name(
      String parameter, String value, Consumer<GenerationRequest.Builder> change) {
    GenerationRequest.Builder builder = GenerationRequest.builder(PROMPT);
    change.accept(builder);
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(builder::build)
        .withMessageContaining(value)
        .satisfies(e -> assertThat(e.parameter()).isEqualTo(parameter));
  }

  @Test
  void null_is_refused_where_it_is_handed_in() {
    assertThatNullPointerException()
        .isThrownBy(() -> GenerationRequest.of(null))
        .withMessage("prompt");
    assertThatNullPointerException().isThrownBy(() -> Prompt.text(null)).withMessage("text");
    assertThatNullPointerException()
        .isThrownBy(() -> ChatMessage.user(null))
        .withMessage("content");
  }

  @Test
  void a_conversation_that_is_kept_as_a_list_is_copied() {
    List<ChatMessage> history = new ArrayList<>(List.of(ChatMessage.user("Hello")));
    Prompt prompt = Prompt.chat(history);
    history.clear();

    assertThat(prompt).isEqualTo(Prompt.chat(ChatMessage.user("Hello")));
  }

  static Stream<Arguments> badSamplings() {
    return Stream.of(
        Arguments.of("temperature", Sampling.builder().temperature(-0.1)),
        Arguments.of("temperature", Sampling.builder().temperature(Double.NaN)),
        Arguments.of("temperature", Sampling.builder().temperature(2.1)),
        Arguments.of("top_k", Sampling.builder().topK(-1)),
        Arguments.of("top_p", Sampling.builder().topP(0)),
        Arguments.of("top_p", Sampling.builder().topP(1.01)),
        Arguments.of("min_p", Sampling.builder().minP(1.5)),
        Arguments.of("repetition_penalty", Sampling.builder().repetitionPenalty(0)),
        Arguments.of(
            "repetition_penalty", Sampling.builder().repetitionPenalty(Double.POSITIVE_INFINITY)),
        Arguments.of("presence_penalty", Sampling.builder().presencePenalty(3)),
        Arguments.of("frequency_penalty", Sampling.builder().frequencyPenalty(-3)),
        Arguments.of("logit_bias", Sampling.builder().logitBias(Map.of(1, 101.0))));
  }

  @ParameterizedTest
  @MethodSource("badSamplings")
  void a_sampling_parameter_out_of_range_is_refused_by_its_name(
      String parameter, Sampling.Builder builder) {
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(builder::build)
        .withMessageContaining(parameter)
        .satisfies(e -> assertThat(e.parameter()).isEqualTo(parameter));
  }

  @Test
  void token_prompts_are_copied_both_ways() {
    int[] ids = {1, 2, 3};
    Prompt prompt = Prompt.tokens(ids);
    ids[0] = 9;
    ((Prompt.Tokens) prompt).ids()[1] = 9;
    assertThat(prompt).isEqualTo(Prompt.tokens(1, 2, 3));
  }

  @Test
  void a_conversation_without_messages_is_refused() {
    assertThatExceptionOfType(InvalidRequestException.class).isThrownBy(Prompt::chat);
  }
}
