package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.ChatMessage;
import dev.serval.api.GenerationRequest;
import dev.serval.api.IsolationScope;
import dev.serval.api.Prompt;
import dev.serval.server.echo.EchoRuntime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ChatCompletionsTest {
  private static final String PATH = "/v1/chat/completions";
  private static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi 🌍\"}]";

  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  private GenerationRequest asked() {
    return served.runtime.last().request();
  }

  @Test
  void a_whole_answer_has_the_shape_of_openai() throws Exception {
    JsonNode answer = served.answer(PATH, "{\"model\":\"echo\"," + HI + "}");
    assertThat(answer.get("id").stringValue()).startsWith("chatcmpl-");
    assertThat(answer.get("object").stringValue()).isEqualTo("chat.completion");
    assertThat(answer.get("created").longValue()).isGreaterThan(1_700_000_000);
    assertThat(answer.get("model").stringValue()).isEqualTo("echo");
    assertThat(answer.get("system_fingerprint").stringValue()).isEqualTo("fp_000000000000");
    assertThat(answer.get("choices").toString())
        .isEqualTo(
            "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi 🌍\",\"refusal\":null},"
                + "\"logprobs\":null,\"finish_reason\":\"stop\"}]");
    int prompt = "user: Hi 🌍\nassistant: ".codePointCount(0, "user: Hi 🌍\nassistant: ".length());
    assertThat(answer.at("/usage/prompt_tokens").intValue()).isEqualTo(prompt);
    assertThat(answer.at("/usage/completion_tokens").intValue()).isEqualTo(5);
    assertThat(answer.at("/usage/total_tokens").intValue()).isEqualTo(prompt + 5);
    assertThat(answer.at("/usage/prompt_tokens_details/cached_tokens").isInt()).isTrue();
    assertThat(answer.has("prompt_token_ids")).isFalse();
  }

  @Test
  void cached_prompt_tokens_are_told() throws Exception {
    String body = "{\"messages\":[{\"role\":\"user\",\"content\":\"met before\"}]}";
    JsonNode first = served.answer(PATH, body);
    JsonNode second = served.answer(PATH, body);
    assertThat(first.at("/usage/prompt_tokens_details/cached_tokens").intValue()).isZero();
    assertThat(second.at("/usage/prompt_tokens_details/cached_tokens").intValue())
        .isEqualTo(second.at("/usage/prompt_tokens").intValue() - 1);
  }

  @Test
  void where_the_time_went_is_told_to_who_asks() throws Exception {
    JsonNode asked = served.answer(PATH, "{\"explain\":true,\"n\":2," + HI + "}");
    String stream = "{\"stream\":true,\"stream_options\":{\"include_usage\":true},";
    JsonNode last = served.events(PATH, stream + "\"explain\":true," + HI + "}").getLast();

    assertThat(asked.at("/usage/timelines")).hasSize(2);
    assertThat(asked.at("/usage/timelines/1").toString())
        .isEqualTo(
            "{\"total_ms\":4.0,\"attributed\":1.0,\"spans\":["
                + "{\"cause\":\"queued\",\"start_ms\":0.0,\"duration_ms\":1.0,\"tokens\":0},"
                + "{\"cause\":\"prefill\",\"start_ms\":1.0,\"duration_ms\":3.0,\"tokens\":2}]}");
    assertThat(last.at("/usage/timelines")).hasSize(1);
    assertThat(served.answer(PATH, "{" + HI + "}").get("usage").has("timelines")).isFalse();
  }

  @Test
  void a_stream_without_its_usage_has_no_place_to_tell_where_the_time_went() throws Exception {
    assertThat(served.post(PATH, "{\"stream\":true,\"explain\":true," + HI + "}").body())
        .contains("'explain'", "include_usage");
  }

  @Test
  void a_stream_begins_with_the_role_and_ends_with_the_reason() throws Exception {
    List<JsonNode> events = served.events(PATH, "{\"stream\":true," + HI + "}");
    assertThat(events.getFirst().at("/choices/0/delta").toString())
        .isEqualTo("{\"role\":\"assistant\",\"content\":\"H\"}");
    assertThat(events.get(1).at("/choices/0").toString())
        .isEqualTo(
            "{\"index\":0,\"delta\":{\"content\":\"i\"},\"logprobs\":null,\"finish_reason\":null}");
    assertThat(events.getLast().at("/choices/0").toString())
        .isEqualTo("{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}");
    assertThat(text(events, 0)).isEqualTo("Hi 🌍");
    assertThat(events).allMatch(e -> e.get("object").stringValue().equals("chat.completion.chunk"));
    assertThat(events.stream().map(e -> e.get("id").stringValue()).distinct()).hasSize(1);
    assertThat(events).noneMatch(e -> e.has("usage"));
  }

  private static final String THINKING =
      "\"messages\":[{\"role\":\"user\",\"content\":\"𝐀𝐁Hi\"}]";

  @Test
  void thoughts_are_told_apart_from_the_answer() throws Exception {
    JsonNode message = served.answer(PATH, "{" + THINKING + "}").at("/choices/0/message");
    assertThat(message.toString())
        .isEqualTo(
            "{\"role\":\"assistant\",\"content\":\"Hi\",\"reasoning_content\":\"𝐀𝐁\",\"refusal\":null}");
    List<JsonNode> events = served.events(PATH, "{\"stream\":true," + THINKING + "}");
    assertThat(events.stream().map(e -> e.at("/choices/0/delta").toString()))
        .containsExactly(
            "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"𝐀\"}",
            "{\"reasoning_content\":\"𝐁\"}",
            "{\"content\":\"H\"}",
            "{\"content\":\"i\"}",
            "{}");
  }

  @Test
  void thoughts_are_left_out_for_who_does_not_want_them() throws Exception {
    String body = "{\"include_reasoning\":false," + THINKING;
    assertThat(served.answer(PATH, body + "}").at("/choices/0/message").has("reasoning_content"))
        .isFalse();
    List<JsonNode> events = served.events(PATH, body + ",\"stream\":true}");
    assertThat(events).noneMatch(e -> e.at("/choices/0/delta").has("reasoning_content"));
    assertThat(text(events, 0)).isEqualTo("Hi");
  }

  @Test
  void the_model_s_template_is_told_what_it_knows_and_no_more() throws Exception {
    served.answer(
        PATH, "{\"reasoning_effort\":\"low\",\"chat_template_kwargs\":{\"mood\":2}," + HI + "}");
    assertThat(asked().prompt())
        .isEqualTo(
            Prompt.chat(
                List.of(ChatMessage.user("Hi 🌍")), Map.of("reasoning_effort", "low", "mood", 2L)));
    assertThat(
            served
                .post(PATH, "{\"chat_template_kwargs\":{\"enable_thinking\":false}," + HI + "}")
                .body())
        .contains("chat_template_kwargs.enable_thinking", "unsupported_parameter", "mood");
    assertThat(served.post(PATH, "{\"chat_template_kwargs\":{\"mood\":[1]}," + HI + "}").body())
        .contains("chat_template_kwargs.mood", "a string, a number, true or false");
    assertThat(
            served
                .answer("/tokenize", "{\"chat_template_kwargs\":{\"mood\":0.5}," + HI + "}")
                .get("count")
                .intValue())
        .isGreaterThan(served.answer("/tokenize", "{" + HI + "}").get("count").intValue());
  }

  private static String text(List<JsonNode> events, int index) {
    return events.stream()
        .flatMap(e -> e.get("choices").valueStream())
        .filter(c -> c.get("index").intValue() == index)
        .map(c -> c.at("/delta/content").asString(""))
        .collect(Collectors.joining());
  }

  @Test
  void a_stream_that_includes_its_usage_has_null_in_all_chunks_but_an_extra_last()
      throws Exception {
    List<JsonNode> events =
        served.events(
            PATH, "{\"stream\":true,\"stream_options\":{\"include_usage\":true}," + HI + "}");
    assertThat(events.subList(0, events.size() - 1))
        .allMatch(e -> e.has("usage") && e.get("usage").isNull());
    assertThat(events.getLast().get("choices").isEmpty()).isTrue();
    assertThat(events.getLast().at("/usage/completion_tokens").intValue()).isEqualTo(5);
    assertThat(events.getLast().at("/usage/prompt_tokens_details/cached_tokens").isInt()).isTrue();
  }

  @Test
  void several_choices_are_told_apart_in_a_stream() throws Exception {
    List<JsonNode> events = served.events(PATH, "{\"stream\":true,\"n\":3," + HI + "}");
    for (int choice = 0; choice < 3; choice++) {
      assertThat(text(events, choice)).isEqualTo("Hi 🌍");
    }
    assertThat(events.stream().filter(e -> e.at("/choices/0/delta/role").isString())).hasSize(3);
    assertThat(events.stream().filter(e -> e.at("/choices/0/finish_reason").isString())).hasSize(3);
  }

  @Test
  void every_field_reaches_the_runtime() throws Exception {
    served.answer(
        PATH,
        """
        {"model":"echo","messages":[{"role":"developer","content":"be brief"},
          {"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}],"name":"x"}],
         "temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"repetition_penalty":1.1,
         "presence_penalty":-1,"frequency_penalty":0.25,"logit_bias":{"17":-100,"18":5.5},"seed":-7,
         "max_tokens":100,"max_completion_tokens":3.0,"stop":["a","b"],"stop_token_ids":[7,8],
         "n":2,"priority":-3,"user":"somebody","ignore_eos":true,"logprobs":true,"top_logprobs":2,
         "tools":[],"tool_choice":"none","response_format":{"type":"text"},"stream":false,
         "stream_options":null,"never_heard_of":{"a":1},"metadata":{"a":"b"},"best_of":2}
        """);
    assertThat(asked().prompt())
        .isEqualTo(Prompt.chat(ChatMessage.system("be brief"), ChatMessage.user("one\ntwo")));
    assertThat(asked().sampling().temperature()).isEqualTo(0.5);
    assertThat(asked().sampling().topP()).isEqualTo(0.9);
    assertThat(asked().sampling().topK()).isEqualTo(40);
    assertThat(asked().sampling().minP()).isEqualTo(0.1);
    assertThat(asked().sampling().repetitionPenalty()).isEqualTo(1.1);
    assertThat(asked().sampling().presencePenalty()).isEqualTo(-1);
    assertThat(asked().sampling().frequencyPenalty()).isEqualTo(0.25);
    assertThat(asked().sampling().logitBias()).isEqualTo(Map.of(17, -100.0, 18, 5.5));
    assertThat(asked().sampling().seed()).hasValue(-7);
    assertThat(asked().maxTokens()).hasValue(3);
    assertThat(asked().stopStrings()).containsExactly("a", "b");
    assertThat(asked().stopTokenIds()).isEqualTo(Set.of(7, 8));
    assertThat(asked().choices()).isEqualTo(2);
    assertThat(asked().priority()).isEqualTo(-3);
    assertThat(asked().ignoreEos()).isTrue();
    assertThat(asked().logprobs()).hasValue(2);
  }

  @Test
  void what_is_absent_or_null_is_as_openai_has_it() throws Exception {
    served.answer(
        PATH,
        "{"
            + HI
            + ",\"temperature\":null,\"stop\":null,\"max_tokens\":null,\"logprobs\":null,\"n\":null,"
            + "\"tools\":null,\"response_format\":null,\"seed\":null,\"stream\":null}");
    assertThat(asked().model()).hasValue("echo");
    assertThat(asked().sampling().temperature()).isEqualTo(1);
    assertThat(asked().sampling().seed()).isEmpty();
    assertThat(asked().maxTokens()).isEmpty();
    assertThat(asked().logprobs()).isEmpty();
    assertThat(asked().stopStrings()).isEmpty();
    assertThat(asked().scope()).isEqualTo(IsolationScope.HOST);
  }

  @Test
  void the_older_limit_counts_where_the_newer_is_absent_and_one_stop_may_be_a_string()
      throws Exception {
    JsonNode answer =
        served.answer(PATH, "{" + HI + ",\"max_tokens\":2,\"stop\":\"x\",\"top_k\":-1}");
    assertThat(asked().maxTokens()).hasValue(2);
    assertThat(asked().stopStrings()).containsExactly("x");
    assertThat(asked().sampling().topK()).isZero();
    assertThat(answer.at("/choices/0/finish_reason").stringValue()).isEqualTo("length");
    assertThat(answer.at("/choices/0/message/content").stringValue()).isEqualTo("Hi");
  }

  @Test
  void logprobs_have_bytes_alternatives_and_no_infinity() throws Exception {
    JsonNode answer =
        served.answer(PATH, "{" + HI + ",\"logprobs\":true,\"top_logprobs\":3,\"max_tokens\":4}");
    JsonNode content = answer.at("/choices/0/logprobs/content");
    assertThat(content.size()).isEqualTo(4);
    assertThat(content.get(0).toString())
        .isEqualTo(
            "{\"token\":\"H\",\"logprob\":-0.5,\"bytes\":[72],\"top_logprobs\":["
                + "{\"token\":\"H\",\"logprob\":-0.5,\"bytes\":[72]},"
                + "{\"token\":\"I\",\"logprob\":-1.5,\"bytes\":[73]},"
                + "{\"token\":\"J\",\"logprob\":-9999.0,\"bytes\":[74]}]}");
    assertThat(content.get(3).get("bytes").toString()).isEqualTo("[240,159,140,141]");
  }

  @Test
  void a_token_that_is_no_whole_character_has_no_bytes() throws Exception {
    JsonNode answer =
        served.answer(
            PATH, "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ufffd\"}],\"logprobs\":true}");
    assertThat(answer.at("/choices/0/logprobs/content/0/bytes").isNull()).isTrue();
  }

  @Test
  void streamed_logprobs_come_with_their_tokens() throws Exception {
    List<JsonNode> events =
        served.events(PATH, "{\"stream\":true,\"logprobs\":true,\"max_tokens\":2," + HI + "}");
    assertThat(events.getFirst().at("/choices/0/logprobs/content/0/token").stringValue())
        .isEqualTo("H");
    assertThat(events.getFirst().at("/choices/0/logprobs/content/0/top_logprobs").isEmpty())
        .isTrue();
  }

  @Test
  void token_ids_are_returned_whole_and_streamed_alike() throws Exception {
    JsonNode whole = served.answer(PATH, "{\"return_token_ids\":true," + HI + "}");
    List<JsonNode> events =
        served.events(PATH, "{\"stream\":true,\"return_token_ids\":true," + HI + "}");
    assertThat(whole.get("prompt_token_ids").size()).isEqualTo("user: Hi _\nassistant: ".length());
    assertThat(events.getFirst().get("prompt_token_ids")).isEqualTo(whole.get("prompt_token_ids"));
    assertThat(events.stream().skip(1)).noneMatch(e -> e.has("prompt_token_ids"));
    assertThat(whole.at("/choices/0/token_ids").toString()).isEqualTo("[72,105,32,127757,3]");
    assertThat(
            events.stream()
                .flatMap(e -> e.at("/choices/0/token_ids").valueStream())
                .map(JsonNode::intValue))
        .containsExactly(72, 105, 32, 127757, 3);
  }

  @Test
  void another_model_can_be_named() throws Exception {
    assertThat(served.answer(PATH, "{\"model\":\"é\"," + HI + "}").get("model").stringValue())
        .isEqualTo("é");
  }

  @Test
  void the_response_is_named_in_a_header_and_streams_are_not_cached() throws Exception {
    var whole = served.post(PATH, "{" + HI + "}");
    assertThat(whole.headers().firstValue("x-request-id"))
        .hasValue(Served.json(whole.body()).get("id").stringValue());
    assertThat(whole.headers().firstValue("content-type")).hasValue("application/json");
    var stream = served.post(PATH, "{\"stream\":true," + HI + "}");
    assertThat(stream.headers().firstValue("content-type"))
        .hasValue("text/event-stream; charset=utf-8");
    assertThat(stream.headers().firstValue("cache-control")).hasValue("no-cache");
  }
}
