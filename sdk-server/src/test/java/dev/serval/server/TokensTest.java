package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.server.echo.EchoRuntime;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class TokensTest {
  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  @Test
  void a_text_is_encoded_with_special_tokens_unless_they_are_not_wanted() throws Exception {
    assertThat(served.answer("/tokenize", "{\"prompt\":\"Hi\"}").toString())
        .isEqualTo("{\"count\":3,\"max_model_len\":100000,\"tokens\":[2,72,105]}");
    assertThat(
            served
                .answer("/tokenize", "{\"prompt\":\"Hi\",\"add_special_tokens\":false}")
                .get("tokens")
                .toString())
        .isEqualTo("[72,105]");
    assertThat(served.answer("/tokenize", "{\"prompt\":\"\"}").get("count").intValue()).isOne();
  }

  @Test
  void token_texts_come_if_asked_for() throws Exception {
    assertThat(
            served
                .answer("/tokenize", "{\"prompt\":\"H🌍\",\"return_token_strs\":true}")
                .get("token_strs")
                .toString())
        .isEqualTo("[\"<s>\",\"H\",\"🌍\"]");
  }

  @Test
  void a_conversation_is_rendered_first() throws Exception {
    String messages = "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]";
    assertThat(served.answer("/tokenize", "{" + messages + "}").get("count").intValue())
        .isEqualTo("user: a\nassistant: ".length());
    assertThat(
            served
                .answer("/tokenize", "{" + messages + ",\"add_generation_prompt\":false}")
                .get("count")
                .intValue())
        .isEqualTo("user: a\n".length());
  }

  @Test
  void tokens_become_text_again() throws Exception {
    assertThat(
            served
                .answer("/detokenize", "{\"model\":\"echo\",\"tokens\":[2,72,127757]}")
                .toString())
        .isEqualTo("{\"prompt\":\"<s>H🌍\"}");
    assertThat(served.answer("/detokenize", "{\"tokens\":[]}").toString())
        .isEqualTo("{\"prompt\":\"\"}");
  }
}
