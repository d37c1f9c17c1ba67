package dev.serval.server.openai;

import dev.serval.api.ServedModel;
import dev.serval.api.model.ChatTemplate;
import dev.serval.server.errors.ApiError;
import dev.serval.server.json.Value;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What a conversation tells the model's template beside its messages: {@code chat_template_kwargs},
 * and the effort of reasoning, which OpenAI has a field for. What the template does not know is
 * refused, since nothing would come of it.
 */
final class TemplateVariables {
  private static final String VARIABLES = "chat_template_kwargs";
  private static final String EFFORT = "reasoning_effort";

  /** What is asked for by those who want no reasoning, which a model may not have anyway. */
  private static final String NO_EFFORT = "none";

  private TemplateVariables() {}

  static Map<String, Object> of(Value body, ServedModel model) {
    Set<String> known = model.chatTemplate().map(ChatTemplate::variables).orElse(Set.of());
    Map<String, Object> variables = new LinkedHashMap<>();
    body.get(EFFORT)
        .filter(effort -> known.contains(EFFORT) || !effort.is(NO_EFFORT))
        .ifPresent(effort -> put(variables, EFFORT, effort, known));
    body.get(VARIABLES)
        .map(Value::fields)
        .orElse(Map.of())
        .forEach((name, value) -> put(variables, name, value, known));
    return variables;
  }

  private static void put(
      Map<String, Object> variables, String name, Value value, Set<String> known) {
    if (!known.contains(name)) {
      throw ApiError.badRequest(
              value.path(),
              "unsupported_parameter",
              "'%s' cannot be honoured: the model's chat template has no variable '%s'; it has %s"
                  .formatted(
                      value.path(), name, known.isEmpty() ? "none" : String.join(", ", known)))
          .raise();
    }
    variables.put(name, scalar(value));
  }

  private static Object scalar(Value value) {
    if (value.isTruth()) {
      return value.truth();
    }
    if (value.isNumber()) {
      double number = value.number();
      return number == Math.rint(number) && Math.abs(number) < 0x1p53
          ? (Object) value.wide()
          : number;
    }
    value.check(value.isText(), "a string, a number, true or false");
    return value.text();
  }
}
