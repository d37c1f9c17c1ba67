package dev.serval.runtime.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.InvalidRequestException.Reason;
import dev.serval.api.Prompt;
import dev.serval.api.Sampling;
import dev.serval.api.model.ChatTemplate;
import dev.serval.api.model.TextCodec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class RequestPreparationTest {
  private static final ChatTemplate TEMPLATE =
      (chat, generate) -> chat.messages().getLast().content() + (generate ? ">" : "");

  private final RequestPreparation preparation = preparation(Optional.of(TEMPLATE));

  private static RequestPreparation preparation(Optional<ChatTemplate> template) {
    return new RequestPreparation(
        "demo", new TextCodec(new ByteTokenizer(), template), 260, 10, () -> 42);
  }

  @Test
  void a_text_is_encoded_with_what_the_tokenizer_puts_around_it() {
    assertThat(prepare(builder("ab")).prompt()).containsExactly(ByteTokenizer.BEGIN, 'a', 'b');
  }

  @Test
  void a_conversation_is_rendered_up_to_where_the_assistant_speaks_and_encoded_as_it_is() {
    PreparedRequest prepared =
        prepare(GenerationRequest.builder(Prompt.chat(ChatMessage.user("hi"))));
    assertThat(prepared.prompt()).containsExactly('h', 'i', '>');
  }

  @Test
  void without_max_tokens_the_rest_of_the_context_may_be_generated() {
    assertThat(prepare(builder("ab")).maxTokens()).isEqualTo(7);
  }

  @Test
  void the_models_own_end_is_among_the_stop_tokens_unless_it_is_to_be_ignored() {
    assertThat(prepare(builder("a").stopTokenIds(Set.of(7))).stopTokens())
        .containsExactlyInAnyOrder(7, ByteTokenizer.END);
    assertThat(prepare(builder("a").ignoreEos(true).stopTokenIds(Set.of(7))).stopTokens())
        .containsExactly(7);
  }

  @Test
  void a_request_without_a_seed_is_given_one() {
    assertThat(prepare(builder("a")).seed()).isEqualTo(42);
    assertThat(prepare(builder("a").sampling(Sampling.builder().seed(7).build())).seed())
        .isEqualTo(7);
  }

  @Test
  void each_choice_draws_from_its_own_seed_under_its_own_name() {
    PreparedRequest prepared = prepare(builder("a").choices(3));
    assertThat(prepared.sequence(0, false).id()).isEqualTo("r1");
    assertThat(prepared.sequence(2, false).id()).isEqualTo("r1/2");
    assertThat(prepared.sequence(2, false).seed()).isEqualTo(44);
  }

  @Test
  void an_empty_prompt_is_refused() {
    refused(GenerationRequest.builder(Prompt.tokens()), "prompt", "no token at all");
  }

  @Test
  void a_prompt_that_leaves_no_room_is_refused_with_both_numbers() {
    InvalidRequestException e =
        refused(builder("123456789"), "prompt", "has 10 tokens; model 'demo' takes 10");
    assertThat(e.reason()).isEqualTo(Reason.CONTEXT_LENGTH);
    refused(
        GenerationRequest.builder(Prompt.chat(ChatMessage.user("123456789"))), "messages", "10");
  }

  @Test
  void more_tokens_than_the_context_leaves_are_refused_with_all_numbers() {
    assertThat(prepare(builder("ab").maxTokens(7)).maxTokens()).isEqualTo(7);
    InvalidRequestException e =
        refused(
            builder("ab").maxTokens(8),
            "max_tokens",
            "model 'demo' takes 10 tokens in all; 3 of the prompt and 8 of max_tokens are 11");
    assertThat(e.reason()).isEqualTo(Reason.CONTEXT_LENGTH);
    refused(builder("ab").maxTokens(Integer.MAX_VALUE), "max_tokens", "are 2147483650");
  }

  @Test
  void token_ids_outside_the_models_vocabulary_are_refused_wherever_they_stand() {
    assertThat(prepare(GenerationRequest.builder(Prompt.tokens(259))).prompt())
        .containsExactly(259);
    refused(GenerationRequest.builder(Prompt.tokens(1, 260)), "prompt", "0 to 259, unlike 260");
    refused(GenerationRequest.builder(Prompt.tokens(-1)), "prompt", "unlike -1");
    refused(builder("a").stopTokenIds(Set.of(260)), "stop_token_ids", "unlike 260");
    refused(
        builder("a").sampling(Sampling.builder().logitBias(Map.of(-5, 1.0)).build()),
        "logit_bias",
        "unlike -5");
  }

  @Test
  void a_conversation_with_a_model_that_has_no_template_is_refused() {
    InvalidRequestException e =
        catchThrowableOfType(
            InvalidRequestException.class,
            () ->
                preparation(Optional.empty())
                    .prepare("r1", GenerationRequest.of(Prompt.chat(ChatMessage.user("hi")))));
    assertThat(e.parameter()).isEqualTo("messages");
    assertThat(e).hasMessageContaining("'demo' has no chat template");
  }

  @Test
  void half_a_surrogate_pair_is_refused_wherever_it_stands() {
    assertThat(prepare(builder("\uD83D\uDE00")).prompt()).hasSize(5);
    refused(builder("a\uD83D"), "prompt", "U+D83D, at index 1");
    refused(builder("\uDE00\uD83D"), "prompt", "U+DE00, at index 0");
    refused(builder("a").stopStrings(List.of("\uD83D")), "stop", "U+D83D");
    refused(
        GenerationRequest.builder(Prompt.chat(ChatMessage.user("\uDE00"))), "messages", "U+DE00");
  }

  private static GenerationRequest.Builder builder(String text) {
    return GenerationRequest.builder(Prompt.text(text));
  }

  private PreparedRequest prepare(GenerationRequest.Builder request) {
    return preparation.prepare("r1", request.build());
  }

  private InvalidRequestException refused(
      GenerationRequest.Builder request, String parameter, String message) {
    InvalidRequestException e =
        catchThrowableOfType(InvalidRequestException.class, () -> prepare(request));
    assertThat(e).hasMessageContaining(message);
    assertThat(e.parameter()).isEqualTo(parameter);
    return e;
  }
}
