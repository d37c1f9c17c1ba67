package dev.serval.models.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.serval.api.ChatMessage;
import dev.serval.api.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What templates give is what Python's Jinja gives; {@code cases.json} says how it was written. */
final class ChatTemplateCasesTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-11-03T09:05:07Z"), ZoneOffset.UTC);
  private static final Map<String, String> TOKENS = Map.of("bos_token", "<s>", "eos_token", "</s>");

  @TestFactory
  Stream<DynamicTest> a_template_gives_what_python_gives() throws IOException {
    List<JsonNode> cases = new ArrayList<>();
    try (InputStream in =
        Objects.requireNonNull(ChatTemplateCasesTest.class.getResourceAsStream("cases.json"))) {
      JsonMapper.shared().readTree(in).forEach(cases::add);
    }
    return cases.stream()
        .map(each -> DynamicTest.dynamicTest(each.path("name").stringValue(), () -> check(each)));
  }

  private static void check(JsonNode each) {
    String template = each.path("template").stringValue();
    if (each.has("wrong")) {
      assertThatThrownBy(() -> read(template)).isInstanceOf(TemplateFailure.class);
    } else if (each.has("refusal")) {
      assertThatThrownBy(() -> render(each))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage(each.path("refusal").stringValue());
    } else if (each.has("fails")) {
      assertThatThrownBy(() -> render(each))
          .isInstanceOfAny(InvalidRequestException.class, TemplateFailure.class);
    } else {
      assertThat(render(each)).isEqualTo(each.path("text").stringValue());
    }
  }

  private static String render(JsonNode each) {
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode message : each.path("messages")) {
      messages.add(
          new ChatMessage(
              message.path("role").stringValue(), message.path("content").stringValue()));
    }
    return read(each.path("template").stringValue())
        .render(messages, each.path("add_generation_prompt").booleanValue());
  }

  private static JinjaChatTemplate read(String template) {
    return JinjaChatTemplate.read(template, TOKENS, CLOCK);
  }
}
