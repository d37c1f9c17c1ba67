package dev.serval.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;
import dev.serval.server.echo.EchoRuntime;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The OpenAI client of LangChain4j against the server. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class LangChain4jTest {
  @AutoClose private final Served<EchoRuntime> served = Served.echo();

  private String url() {
    return "http://127.0.0.1:" + served.endpoint.port() + "/v1";
  }

  @Test
  void it_gets_a_whole_answer() {
    OpenAiChatModel model =
        OpenAiChatModel.builder().baseUrl(url()).apiKey("any").modelName("echo").build();
    ChatResponse response =
        model.chat(SystemMessage.from("be an echo"), UserMessage.from("What is a dog?"));
    assertThat(response.aiMessage().text()).isEqualTo("What is a dog?");
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(15);
    assertThat(response.metadata().modelName()).isEqualTo("echo");
  }

  @Test
  void it_gets_what_the_model_thought() {
    OpenAiChatModel model =
        OpenAiChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("echo")
            .returnThinking(true)
            .build();
    ChatResponse response = model.chat(UserMessage.from("𝐀𝐁Woof."));
    assertThat(response.aiMessage().thinking()).isEqualTo("𝐀𝐁");
    assertThat(response.aiMessage().text()).isEqualTo("Woof.");
  }

  @Test
  void it_follows_a_stream() throws Exception {
    OpenAiStreamingChatModel model =
        OpenAiStreamingChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("echo")
            .temperature(0.0)
            .maxTokens(6)
            .build();
    StringBuilder partial = new StringBuilder();
    CompletableFuture<ChatResponse> whole = new CompletableFuture<>();
    model.chat(
        "What is a dog?",
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String text) {
            partial.append(text);
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            whole.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            whole.completeExceptionally(error);
          }
        });
    ChatResponse response = whole.get(60, TimeUnit.SECONDS);
    assertThat(partial.toString()).isEqualTo("What i");
    assertThat(response.aiMessage().text()).isEqualTo("What i");
    assertThat(response.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(6);
  }

  @Test
  void it_understands_a_refusal() {
    OpenAiChatModel model =
        OpenAiChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("gpt-4")
            .maxRetries(0)
            .build();
    assertThatThrownBy(() -> model.chat("Hi")).hasMessageContaining("model_not_found");
  }
}
