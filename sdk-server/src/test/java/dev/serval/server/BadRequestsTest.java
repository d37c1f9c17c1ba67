package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoRuntime;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BadRequestsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";
  private static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  private static Arguments of(String path, String body, String param, String phrase) {
    return Arguments.of(path, body, param, phrase);
  }

  private static Arguments chat(String fields, String param, String phrase) {
    return of(CHAT, "{" + HI + "," + fields + "}", param, phrase);
  }

  private static Arguments text(String fields, String param, String phrase) {
    return of(TEXT, "{\"prompt\":\"Hi\"," + fields + "}", param, phrase);
  }

  private static Arguments conversation(String messages, String param, String phrase) {
    return of(CHAT, "{\"messages\":" + messages + "}", param, phrase);
  }

  private static Arguments prompt(String prompt, String param, String phrase) {
    return of(TEXT, "{\"prompt\":" + prompt + "}", param, phrase);
  }

  private static Arguments predicted(String prediction, String param, String phrase) {
    return of(CHAT, "{" + HI + ",\"prediction\":" + prediction + "}", param, phrase);
  }

  static Stream<Arguments> malformedBodies() {
    return Stream.of(
        of(CHAT, "", null, "empty"),
        of(CHAT, "   ", null, "JSON"),
        of(CHAT, "{", null, "line 1, column"),
        of(CHAT, "{\n\"messages\": [}", null, "line 2, column"),
        of(CHAT, "[1]", null, "must be a JSON object, not an array"),
        of(CHAT, "null", null, "must be a JSON object"),
        of(CHAT, "\"text\"", null, "must be a JSON object"),
        of(CHAT, "{" + HI + "} {}", null, "not valid JSON"),
        of(CHAT, "{" + HI + ",\"seed\":1,\"seed\":2}", null, "uplicate"),
        of(CHAT, "{" + HI + ",\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}", null, "depth"),
        of(CHAT, "{" + HI + ",\"temperature\":NaN}", null, "NaN"),
        of(CHAT, "{" + HI + ",\"temperature\":Infinity}", null, "Infinity"),
        of(CHAT, "{" + HI + ",\"temperature\":1" + "0".repeat(2000) + "}", null, "umber"),
        of(CHAT, "{'messages':1}", null, "line 1"),
        of(CHAT, "{/* no */}", null, "line 1"),
        of(CHAT, "{\"a\":\"\t\"}", null, "line 1"),
        of("/tokenize", "{\"prompt\":", null, "line 1"),
        of("/detokenize", "", null, "empty"));
  }

  static Stream<Arguments> wrongFields() {
    return Stream.of(
        of(CHAT, "{}", "messages", "'messages' is missing"),
        of(CHAT, "{\"messages\":null}", "messages", "'messages' is missing"),
        predicted("\"text\"", "prediction", "an object with type and content"),
        predicted("{\"content\":\"a\"}", "prediction.type", "missing"),
        predicted("{\"type\":\"image\"}", "prediction.type", "the only type of prediction"),
        predicted("{\"type\":\"content\"}", "prediction.content", "missing"),
        predicted("{\"type\":\"content\",\"content\":7}", "prediction.content", "a string or"),
        conversation("\"Hi\"", "messages", "an array, not the string \"Hi\""),
        conversation("{}", "messages", "an array, not an object"),
        conversation("[]", "messages", "at least one"),
        conversation("[null]", "messages[0]", "not null"),
        conversation("[7]", "messages[0]", "the number 7"),
        conversation("[{\"content\":\"x\"}]", "messages[0].role", "missing"),
        conversation("[{\"role\":7,\"content\":\"x\"}]", "messages[0].role", "a string"),
        conversation("[{\"role\":\" \",\"content\":\"x\"}]", "messages[0].role", "a role"),
        conversation("[{\"role\":\"king\",\"content\":\"x\"}]", "messages", "king"),
        conversation("[{\"role\":\"user\"}]", "messages[0].content", "missing"),
        conversation("[{\"role\":\"user\",\"content\":null}]", "messages[0].content", "missing"),
        conversation(
            "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":{}}]",
            "messages[1].content",
            "not an object"),
        conversation(
            "[{\"role\":\"user\",\"content\":[\"x\"]}]", "messages[0].content[0]", "an object"),
        conversation(
            "[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]",
            "messages[0].content[0].type",
            "missing"),
        conversation(
            "[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]",
            "messages[0].content[0].text",
            "missing"),
        conversation(
            "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]",
            "messages[0].content[0].type",
            "image_url"),
        conversation(
            "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{}]}]",
            "messages[0].tool_calls",
            "cannot be honoured"),
        conversation(
            "[{\"role\":\"user\",\"content\":\"a\\ud800b\"}]",
            "messages[0].content",
            "half a surrogate pair at index 1"),
        conversation(
            "[{\"role\":\"user\",\"content\":\"a\\udc00\\ud800\"}]",
            "messages[0].content",
            "index 1"),
        chat("\"model\":7", "model", "a string"),
        chat("\"temperature\":\"hot\"", "temperature", "a number, not the string \"hot\""),
        chat("\"temperature\":2.1", "temperature", "between 0 and 2, unlike 2.1"),
        chat("\"temperature\":-0.1", "temperature", "between 0 and 2"),
        chat("\"temperature\":1e999", "temperature", "range of a double, not one beyond it"),
        chat("\"temperature\":true", "temperature", "a number, not true"),
        chat("\"top_p\":0", "top_p", "above 0"),
        chat("\"top_p\":[]", "top_p", "not an empty array"),
        chat("\"top_k\":-2", "top_k", "top_k is 0 (all)"),
        chat("\"top_k\":1.5", "top_k", "a whole number, not the number 1.5"),
        chat("\"min_p\":2", "min_p", "between 0 and 1"),
        chat("\"repetition_penalty\":0", "repetition_penalty", "above 0"),
        chat("\"presence_penalty\":3", "presence_penalty", "between -2 and 2"),
        chat("\"frequency_penalty\":-3", "frequency_penalty", "between -2 and 2"),
        chat("\"logit_bias\":[]", "logit_bias", "an object"),
        chat("\"logit_bias\":{\"dog\":1}", "logit_bias", "'dog'"),
        chat("\"logit_bias\":{\"-1\":1}", "logit_bias", "'-1'"),
        chat("\"logit_bias\":{\"4294967295\":1}", "logit_bias", "4294967295"),
        chat("\"logit_bias\":{\"1\":101}", "logit_bias", "between -100 and 100"),
        chat("\"logit_bias\":{\"1\":\"x\"}", "logit_bias.1", "a number"),
        chat("\"seed\":1.5", "seed", "a whole number"),
        chat("\"seed\":9223372036854775808", "seed", "64 bits"),
        chat("\"seed\":1e30", "seed", "a whole number"),
        chat("\"max_tokens\":0", "max_tokens", "at least 1"),
        chat("\"max_tokens\":-5", "max_tokens", "at least 1"),
        chat("\"max_tokens\":\"5\"", "max_tokens", "a whole number"),
        chat("\"max_tokens\":1e10", "max_tokens", "32 bits"),
        chat("\"max_completion_tokens\":0", "max_completion_tokens", "at least 1"),
        chat("\"stop\":7", "stop", "an array"),
        chat("\"stop\":[7]", "stop[0]", "a string"),
        chat("\"stop\":\"\"", "stop", "not empty"),
        chat("\"stop\":[" + "\"a\",".repeat(16) + "\"a\"]", "stop", "at most 16"),
        chat("\"stop_token_ids\":7", "stop_token_ids", "an array"),
        chat("\"stop_token_ids\":[\"a\"]", "stop_token_ids[0]", "a whole number"),
        chat("\"n\":0", "n", "at least 1"),
        chat("\"n\":129", "n", "129"),
        chat("\"n\":2,\"best_of\":3", "best_of", "the same as n, which is 2"),
        chat("\"priority\":\"high\"", "priority", "a whole number"),
        chat("\"ignore_eos\":1", "ignore_eos", "true or false, not the number 1"),
        chat("\"stream\":\"yes\"", "stream", "true or false"),
        chat("\"stream_options\":{\"include_usage\":true}", "stream_options", "left out"),
        chat("\"stream\":true,\"stream_options\":7", "stream_options", "an object"),
        chat(
            "\"stream\":true,\"stream_options\":{\"include_usage\":\"a\"}",
            "stream_options.include_usage",
            "true or false"),
        chat("\"logprobs\":5", "logprobs", "true or false"),
        chat("\"top_logprobs\":5", "top_logprobs", "logprobs is not true"),
        chat("\"logprobs\":true,\"top_logprobs\":21", "top_logprobs", "not 21"),
        chat("\"logprobs\":true,\"top_logprobs\":-1", "top_logprobs", "not -1"),
        of(TEXT, "{}", "prompt", "'prompt' is missing"),
        prompt("7", "prompt", "token ids"),
        prompt("{}", "prompt", "token ids"),
        prompt("[]", "prompt", "token ids, or an array of either, not an empty array"),
        prompt("[\"a\",7]", "prompt[1]", "the number 7"),
        prompt("[1,\"a\"]", "prompt[1]", "a whole number"),
        prompt("[1,2.5]", "prompt[1]", "a whole number"),
        prompt("[[1],[2,\"b\"]]", "prompt[1][1]", "a whole number"),
        prompt("[[1],[]]", "prompt[1]", "token ids"),
        prompt("[[[1]]]", "prompt[0][0]", "a whole number"),
        prompt("[-1]", "tokens", "-1"),
        prompt("[2147483648]", "prompt[0]", "32 bits"),
        prompt("\"\\udc00\"", "prompt", "surrogate"),
        text("\"logprobs\":true", "logprobs", "a whole number"),
        text("\"logprobs\":21", "logprobs", "not 21"),
        text("\"echo\":true,\"logprobs\":1", "echo", "logprobs"),
        text("\"echo\":1", "echo", "true or false"),
        of(TEXT, "{\"prompt\":[\"a\",\"b\"],\"n\":65}", "n", "at most 128 choices"),
        of("/tokenize", "{}", "messages", "either prompt or messages"),
        of("/tokenize", "{\"prompt\":\"a\"," + HI + "}", "prompt", "either prompt or messages"),
        of("/tokenize", "{\"prompt\":[1]}", "prompt", "a string"),
        of("/tokenize", "{\"model\":\"base/tiny\"," + HI + "}", "messages", "no chat template"),
        of("/detokenize", "{}", "tokens", "missing"),
        of("/detokenize", "{\"tokens\":[1,\"a\"]}", "tokens[1]", "a whole number"),
        of("/detokenize", "{\"tokens\":[1114112]}", "tokens", "1114112"),
        of(CHAT, "{\"model\":\"base/tiny\"," + HI + "}", "messages", "no chat template"));
  }

  static Stream<Arguments> whatCannotBeHonoured() {
    return Stream.of(
        chat("\"tools\":[{\"type\":\"function\"}]", "tools", "no tool calling"),
        chat("\"functions\":[{}]", "functions", "no function calling"),
        chat("\"tool_choice\":\"required\"", "tool_choice", "no tool calling"),
        chat("\"response_format\":{\"type\":\"json_object\"}", "response_format", "format"),
        chat("\"response_format\":{\"type\":\"json_schema\"}", "response_format", "format"),
        chat("\"modalities\":[\"text\",\"audio\"]", "modalities", "texts"),
        chat("\"audio\":{\"voice\":\"x\"}", "audio", "texts"),
        chat("\"use_beam_search\":true", "use_beam_search", "beam"),
        chat("\"min_tokens\":5", "min_tokens", "ignore_eos"),
        chat("\"echo\":true", "echo", "not repeated"),
        chat("\"guided_regex\":\"a*\"", "guided_regex", "free text"),
        chat("\"chat_template\":\"{{ x }}\"", "chat_template", "own template"),
        chat("\"continue_final_message\":true", "continue_final_message", "anew"),
        text("\"suffix\":\"end\"", "suffix", "at their end"),
        text("\"prompt_logprobs\":0", "prompt_logprobs", "generated tokens"),
        text("\"add_special_tokens\":false", "add_special_tokens", "token ids"));
  }

  @ParameterizedTest
  @MethodSource({"malformedBodies", "wrongFields"})
  void a_wrong_body_is_refused_by_the_path_of_its_field(
      String path, String body, String param, String phrase) throws Exception {
    JsonNode error = refused(400, served.post(path, body));
    assertThat(error.get("type").stringValue()).isEqualTo("invalid_request_error");
    assertThat(error.get("param").asString(null)).isEqualTo(param);
    assertThat(error.get("message").stringValue())
        .contains(phrase)
        .hasSizeLessThan(400)
        .doesNotContain("`", "Source:", "Feature");
  }

  @ParameterizedTest
  @MethodSource("whatCannotBeHonoured")
  void a_known_field_that_cannot_be_honoured_is_refused_by_name(
      String path, String body, String param, String phrase) throws Exception {
    JsonNode error = refused(400, served.post(path, body));
    assertThat(error.get("param").stringValue()).isEqualTo(param);
    assertThat(error.get("code").stringValue()).isEqualTo("unsupported_parameter");
    assertThat(error.get("message").stringValue())
        .contains("'" + param + "' cannot be honoured")
        .contains(phrase);
  }

  private static JsonNode refused(int status, HttpResponse<String> response) {
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("content-type")).hasValue("application/json");
    JsonNode body = Served.json(response.body());
    assertThat(body.propertyNames()).containsExactly("error");
    assertThat(body.get("error").propertyNames())
        .containsExactlyInAnyOrder("message", "type", "param", "code");
    return body.get("error");
  }

  @Test
  void harmless_values_of_what_cannot_be_honoured_are_fine() throws Exception {
    served.answer(
        CHAT,
        "{"
            + HI
            + """
            ,"tools":[{"type":"function"}],"tool_choice":"none","functions":[],"function_call":"none",
             "modalities":["text"],"use_beam_search":false,"length_penalty":1.0,"min_tokens":0,
             "store":false,"reasoning_effort":"none","skip_special_tokens":true,"documents":[],
             "response_format":{"type":"text"},"bad_words":[],"echo":false,"parallel_tool_calls":true,
             "add_generation_prompt":true,"chat_template_kwargs":{},"service_tier":"auto"}
            """);
    served.answer(TEXT, "{\"prompt\":\"a\",\"suffix\":\"\",\"add_special_tokens\":true}");
  }

  @Test
  void invalid_utf8_is_refused_with_its_place() throws Exception {
    byte[] body = "{\"prompt\":\"??\"}".getBytes(StandardCharsets.UTF_8);
    body[11] = (byte) 0xc3;
    HttpRequest.Builder request =
        served
            .request(TEXT)
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    assertThat(refused(400, served.send(request)).get("message").stringValue())
        .contains("UTF-8")
        .contains("byte 11");
  }

  @Test
  void a_text_of_nul_and_controls_comes_back_as_it_was() throws Exception {
    JsonNode answer = served.answer(TEXT, "{\"prompt\":\"a\\u0000\\u001f\\u2028b\"}");
    assertThat(answer.at("/choices/0/text").stringValue()).isEqualTo("a\u0000\u001f\u2028b");
  }

  @Test
  void a_prompt_beyond_the_context_has_a_code_of_its_own() throws Exception {
    JsonNode text =
        refused(
            400,
            served.post(TEXT, "{\"model\":\"base/tiny\",\"prompt\":\"" + "x".repeat(50) + "\"}"));
    assertThat(text.get("code").stringValue()).isEqualTo("context_length_exceeded");
    assertThat(text.get("param").stringValue()).isEqualTo("prompt");
    JsonNode chat =
        refused(
            400,
            served.post(
                CHAT,
                "{\"model\":\"é\",\"messages\":[{\"role\":\"user\",\"content\":\""
                    + "x".repeat(90)
                    + "\"}]}"));
    assertThat(chat.get("code").stringValue()).isEqualTo("context_length_exceeded");
    assertThat(chat.get("param").stringValue()).isEqualTo("messages");
  }

  @Test
  void an_unknown_model_is_not_found() throws Exception {
    for (String path : new String[] {CHAT, TEXT, "/tokenize", "/detokenize"}) {
      JsonNode error =
          refused(
              404,
              served.post(path, "{\"model\":\"gpt-4\",\"prompt\":\"a\",\"tokens\":[]," + HI + "}"));
      assertThat(error.get("code").stringValue()).isEqualTo("model_not_found");
      assertThat(error.get("param").stringValue()).isEqualTo("model");
      assertThat(error.get("message").stringValue()).contains("gpt-4").contains("echo");
    }
  }

  @Test
  void an_unknown_route_is_not_found_and_a_wrong_method_not_allowed() throws Exception {
    assertThat(refused(404, served.get("/v1/audio/speech")).get("message").stringValue())
        .isEqualTo(
            "GET /v1/audio/speech is not served here; there is /detokenize, /health, /ready, /tokenize, /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models");
    HttpResponse<String> wrong = served.get(CHAT);
    refused(405, wrong);
    assertThat(wrong.headers().firstValue("allow")).hasValue("POST, OPTIONS");
    HttpResponse<String> deleted = served.send(served.request("/v1/models").DELETE());
    refused(405, deleted);
    assertThat(deleted.headers().firstValue("allow")).hasValue("GET, HEAD, OPTIONS");
  }

  @Test
  void a_body_of_another_type_is_refused() throws Exception {
    for (String type :
        new String[] {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}) {
      HttpRequest.Builder request =
          served
              .request(CHAT)
              .header("content-type", type)
              .POST(HttpRequest.BodyPublishers.ofString("{" + HI + "}"));
      assertThat(refused(415, served.send(request)).get("message").stringValue()).contains(type);
    }
    HttpRequest.Builder charset =
        served
            .request(CHAT)
            .header("content-type", "Application/JSON; charset=utf-8")
            .POST(HttpRequest.BodyPublishers.ofString("{" + HI + "}"));
    assertThat(served.send(charset).statusCode()).isEqualTo(200);
    HttpRequest.Builder none =
        served.request(CHAT).POST(HttpRequest.BodyPublishers.ofString("{" + HI + "}"));
    assertThat(served.send(none).statusCode()).isEqualTo(200);
  }

  @Test
  void a_generation_that_fails_is_the_servers_fault_and_touches_no_other() throws Exception {
    String body = "{\"prompt\":[\"well\",\"" + EchoRuntime.FAILS + "\"]}";
    JsonNode error = refused(500, served.post(TEXT, body));
    assertThat(error.get("type").stringValue()).isEqualTo("server_error");
    assertThat(error.get("message").stringValue()).isEqualTo("the echo broke");
    assertThat(served.post(TEXT, "{\"prompt\":\"well\"}").statusCode()).isEqualTo(200);
  }

  @Test
  void what_nobody_foresaw_is_the_servers_fault_without_its_details() throws Exception {
    JsonNode error =
        refused(500, served.post(TEXT, "{\"prompt\":\"" + EchoRuntime.CRASHES + "\"}"));
    assertThat(error.get("message").stringValue()).doesNotContain("crashed");
  }

  @Test
  void a_stream_that_fails_ends_with_an_error_event() throws Exception {
    HttpResponse<String> response =
        served.post(TEXT, "{\"stream\":true,\"prompt\":\"" + EchoRuntime.FAILS + "\"}");
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).doesNotContain("[DONE]");
    assertThat(Served.events(response.body())).hasSize(3);
    assertThat(Served.events(response.body()).getLast().at("/error/message").stringValue())
        .isEqualTo("the echo broke");
  }

  @Test
  void a_stream_that_is_refused_has_its_status() throws Exception {
    assertThat(served.post(TEXT, "{\"stream\":true,\"prompt\":[]}").statusCode()).isEqualTo(400);
    assertThat(served.post(TEXT, "{\"stream\":true,\"model\":\"x\",\"prompt\":\"a\"}").statusCode())
        .isEqualTo(404);
  }
}
