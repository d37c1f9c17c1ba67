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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What templates give is what Python's Jinja gives, as {@code
 * src/test/python/chat_template_cases.py} has written it down.
 */
final class ChatTemplateCasesTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-11-03T09:05:07Z"), ZoneOffset.UTC);
  private static final Map<String, String> TOKENS = Map.of("bos_token", "<s>", "eos_token", "</s>");

  private final Map<String, JinjaChatTemplate> known = new HashMap<>();

  @TestFactory
  Stream<DynamicTest> a_template_gives_what_python_gives() throws IOException {
    JsonNode file;
    try (InputStream in =
        Objects.requireNonNull(ChatTemplateCasesTest.class.getResourceAsStream("cases.json"))) {
      file = JsonMapper.shared().readTree(in);
    }
    return file.path("cases").valueStream().map(each -> test(file, each));
  }

  private DynamicTest test(JsonNode file, JsonNode each) {
    String name = each.path("template").stringValue();
    JsonNode named = file.path("templates").path(name);
    String template = named.isString() ? named.stringValue() : name;
    String conversation = each.path("conversation").stringValue();
    List<ChatMessage> messages = messages(file.path("conversations").path(conversation));
    return DynamicTest.dynamicTest(
        name.replaceAll("\\s", " ") + " " + conversation, () -> check(template, messages, each));
  }

  private void check(String template, List<ChatMessage> messages, JsonNode each) {
    boolean add = each.path("add_generation_prompt").booleanValue();
    if (each.has("wrong")) {
      assertThatThrownBy(() -> read(template)).isInstanceOf(TemplateFailure.class);
    } else if (each.has("refusal")) {
      assertThatThrownBy(() -> read(template).render(messages, add))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage(each.path("refusal").stringValue());
    } else if (each.has("fails")) {
      assertThatThrownBy(() -> read(template).render(messages, add))
          .isInstanceOfAny(InvalidRequestException.class, TemplateFailure.class);
    } else {
      assertThat(read(template).render(messages, add)).isEqualTo(each.path("text").stringValue());
    }
  }

  private JinjaChatTemplate read(String template) {
    return known.computeIfAbsent(template, t -> JinjaChatTemplate.read(t, TOKENS, CLOCK));
  }

  private static List<ChatMessage> messages(JsonNode conversation) {
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonNode message : conversation) {
      messages.add(new ChatMessage(message.path(0).stringValue(), message.path(1).stringValue()));
    }
    return messages;
  }
}
