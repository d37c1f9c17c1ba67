package dev.serval.server.openai;

import dev.serval.api.ChatMessage;
import dev.serval.api.Prompt;
import dev.serval.api.ServedModel;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.List;
import java.util.stream.Collectors;

/** Reads a conversation. */
final class Messages {
  private static final List<String> BEYOND_TEXT = List.of("tool_calls", "function_call", "audio");

  private Messages() {}

  /** The messages under {@code messages}, and what else the model's template is told. */
  static Prompt.Chat of(Value body, ServedModel model) {
    List<Value> messages = body.require("messages").items();
    return new Prompt.Chat(
        messages.stream().map(Messages::message).toList(), TemplateVariables.of(body, model));
  }

  private static ChatMessage message(Value message) {
    message.check(message.isObject(), "an object with role and content");
    for (String field : BEYOND_TEXT) {
      message.get(field).filter(value -> !value.isEmpty()).ifPresent(Messages::refuse);
    }
    return new ChatMessage(role(message.require("role")), content(message.require("content")));
  }

  /** What newer clients call developer, templates know as system. */
  private static String role(Value role) {
    String name = role.text();
    role.check(!name.isBlank(), "a role, such as user");
    return name.equals("developer") ? "system" : name;
  }

  /** The text that an answer is expected to be much like. */
  static String prediction(Value prediction) {
    prediction.check(prediction.isObject(), "an object with type and content");
    Value type = prediction.require("type");
    type.check(type.is("content"), "content, the only type of prediction");
    return content(prediction.require("content"));
  }

  private static String content(Value content) {
    if (content.isText()) {
      return content.text();
    }
    content.check(content.isArray(), "a string or an array of text parts");
    return content.items().stream().map(Messages::part).collect(Collectors.joining("\n"));
  }

  private static String part(Value part) {
    part.check(part.isObject(), "an object with type and text");
    Value type = part.require("type");
    type.check(type.text().equals("text"), "text, the only type that can be read");
    return part.require("text").text();
  }

  private static void refuse(Value value) {
    throw ApiError.badRequest(
            value.path(),
            "unsupported_parameter",
            "'" + value.path() + "' cannot be honoured: messages have a role and a text alone")
        .raise();
  }
}
