package dev.serval.models.chat;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a piece of a template says, parsed. */
sealed interface Statement {
  /** Text as it is printed. */
  record Text(String text) implements Statement {}

  /** An expression that is printed. */
  record Output(Expression expression) implements Statement {}

  /** {@code if} and {@code elif}. */
  record Condition(Expression test) implements Statement {}

  /** A statement that says nothing but its name. */
  record Word(String name) implements Statement {}

  /** {@code for}. */
  record For(Target target, Expression items, Optional<Expression> filter) implements Statement {}

  /** {@code set} with a value. */
  record Assignment(Target target, Expression value) implements Statement {}

  /** {@code set} with a block, whose text goes through filters. */
  record BlockAssignment(Target target, Expression filtered) implements Statement {
    /** No template can spell this name. */
    static final String BLOCK = "the block";
  }

  /** {@code macro}: its parameters in order, with the defaults of those that have one. */
  record Macro(String name, List<String> parameters, Map<String, Expression> defaults)
      implements Statement {}

  /** What is assigned to: names, or an attribute of a namespace. */
  record Target(List<String> names, boolean unpacked, String attribute) {
    /** Assigns a value. */
    void assign(Object value, Scope scope) {
      if (!attribute.isEmpty()) {
        if (!(scope.variable(names.getFirst()) instanceof Namespace namespace)) {
          throw TemplateFailure.of(
              "'%s' is no namespace, whose attributes alone can be set"
                  .formatted(names.getFirst()));
        }
        namespace.set(attribute, value);
      } else if (unpacked) {
        unpack(Values.items(value), scope);
      } else {
        scope.define(names.getFirst(), value);
      }
    }

    private void unpack(List<Object> values, Scope scope) {
      if (values.size() != names.size()) {
        throw TemplateFailure.of(
            "%d values cannot be assigned to %d names".formatted(values.size(), names.size()));
      }
      for (int i = 0; i < values.size(); i++) {
        scope.define(names.get(i), values.get(i));
      }
    }
  }
}
