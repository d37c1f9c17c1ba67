package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.Prompt;
import dev.serval.server.echo.EchoGeneration;
import dev.serval.server.echo.EchoRuntime;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class CompletionsTest {
  private static final String PATH = "/v1/completions";

  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  @Test
  void a_whole_answer_has_the_shape_of_openai() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"model\":\"echo\",\"prompt\":\"Once\"}");
    assertThat(answer.get("id").stringValue()).startsWith("cmpl-");
    assertThat(answer.get("object").stringValue()).isEqualTo("text_completion");
    assertThat(answer.get("choices").toString())
        .isEqualTo(
            "[{\"index\":0,\"text\":\"Once\",\"logprobs\":null,\"finish_reason\":\"stop\"}]");
    assertThat(answer.at("/usage/prompt_tokens").intValue()).isEqualTo(5);
    assertThat(answer.at("/usage/completion_tokens").intValue()).isEqualTo(5);
  }

  @Test
  void sixteen_tokens_are_the_limit_where_none_is_given() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"prompt\":\"" + "a".repeat(40) + "\"}");
    assertThat(answer.at("/choices/0/text").stringValue()).hasSize(16);
    assertThat(answer.at("/choices/0/finish_reason").stringValue()).isEqualTo("length");
  }

  @Test
  void a_prompt_may_be_token_ids() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"prompt\":[72,105],\"return_token_ids\":true}");
    assertThat(served.runtime.last().request().prompt()).isEqualTo(Prompt.tokens(72, 105));
    assertThat(answer.at("/choices/0/text").stringValue()).isEqualTo("Hi");
    assertThat(answer.at("/choices/0/token_ids").toString()).isEqualTo("[72,105,3]");
    assertThat(answer.at("/choices/0/prompt_token_ids").toString()).isEqualTo("[72,105]");
  }

  @Test
  void many_prompts_have_their_choices_in_order() throws Exception {
    for (String prompts : List.of("[\"ab\",\"c\"]", "[[97,98],[99]]", "[\"ab\",[99]]")) {
      JsonNode answer = served.answer(PATH, "{\"n\":2,\"best_of\":2,\"prompt\":" + prompts + "}");
      assertThat(answer.get("choices").valueStream().map(c -> c.get("text").stringValue()))
          .containsExactly("ab", "ab", "c", "c");
      assertThat(answer.get("choices").valueStream().map(c -> c.get("index").intValue()))
          .containsExactly(0, 1, 2, 3);
      assertThat(answer.at("/usage/completion_tokens").intValue()).isEqualTo(10);
    }
  }

  @Test
  void many_prompts_stream_side_by_side() throws Exception {
    List<JsonNode> events =
        served.events(
            PATH,
            """
            {"n":2,"prompt":["first","second"],"stream":true,"return_token_ids":true,
             "stream_options":{"include_usage":true}}
            """);
    for (int choice = 0; choice < 4; choice++) {
      assertThat(text(events, choice)).isEqualTo(choice < 2 ? "first" : "second");
    }
    assertThat(events.stream().filter(e -> e.at("/choices/0/prompt_token_ids").isArray()))
        .hasSize(4);
    assertThat(events.getLast().get("choices").isEmpty()).isTrue();
    assertThat(events.getLast().at("/usage/prompt_tokens").intValue()).isEqualTo(6 + 7);
    assertThat(events.getLast().at("/usage/completion_tokens").intValue()).isEqualTo(2 * (6 + 7));
  }

  private static String text(List<JsonNode> events, int index) {
    return events.stream()
        .flatMap(e -> e.get("choices").valueStream())
        .filter(c -> c.get("index").intValue() == index)
        .map(c -> c.get("text").stringValue())
        .collect(Collectors.joining());
  }

  @Test
  void an_echo_repeats_the_prompt_before_each_choice() throws Exception {
    JsonNode whole = served.answer(PATH, "{\"prompt\":[\"a\",[98,99]],\"echo\":true,\"n\":2}");
    assertThat(whole.get("choices").valueStream().map(c -> c.get("text").stringValue()))
        .containsExactly("aa", "aa", "bcbc", "bcbc");
    List<JsonNode> events =
        served.events(PATH, "{\"prompt\":\"ab\",\"echo\":true,\"stream\":true,\"n\":2}");
    assertThat(text(events, 0)).isEqualTo("abab");
    assertThat(text(events, 1)).isEqualTo("abab");
  }

  @Test
  void logprobs_are_parallel_lists() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"prompt\":\"ab\",\"logprobs\":2,\"max_tokens\":2}");
    assertThat(answer.at("/choices/0/logprobs").toString())
        .isEqualTo(
            "{\"tokens\":[\"a\",\"b\"],\"token_logprobs\":[-0.5,-0.5],"
                + "\"top_logprobs\":[{\"a\":-0.5,\"b\":-1.5},{\"b\":-0.5,\"c\":-1.5}],"
                + "\"text_offset\":[0,1]}");
  }

  @Test
  void no_alternatives_leave_the_token_itself() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"prompt\":\"a\",\"logprobs\":0,\"max_tokens\":1}");
    assertThat(answer.at("/choices/0/logprobs/top_logprobs").toString())
        .isEqualTo("[{\"a\":-0.5}]");
  }

  @Test
  void streamed_offsets_go_on_from_chunk_to_chunk() throws Exception {
    List<JsonNode> events =
        served.events(
            PATH, "{\"prompt\":\"a🌍b\",\"logprobs\":1,\"max_tokens\":3,\"stream\":true}");
    assertThat(
            events.stream()
                .flatMap(e -> e.at("/choices/0/logprobs/text_offset").valueStream())
                .map(JsonNode::intValue))
        .containsExactly(0, 1, 3);
  }

  @Test
  void ends_of_sequence_can_be_ignored() throws Exception {
    JsonNode answer =
        served.answer(PATH, "{\"prompt\":\"ab\",\"ignore_eos\":true,\"max_tokens\":5}");
    assertThat(answer.at("/choices/0/text").stringValue()).isEqualTo("ababa");
  }

  @Test
  void one_refused_prompt_refuses_all_and_cancels_the_others() throws Exception {
    int before = served.runtime.generations().size();
    var response =
        served.post(
            PATH,
            "{\"model\":\"base/tiny\",\"max_tokens\":20,\"prompt\":[\"ok\",\""
                + "x".repeat(40)
                + "\"]}");
    assertThat(response.statusCode()).isEqualTo(400);
    List<EchoGeneration> begun =
        served.runtime.generations().subList(before, served.runtime.generations().size());
    assertThat(begun).hasSize(1).allMatch(EchoGeneration::closed);
  }
}
