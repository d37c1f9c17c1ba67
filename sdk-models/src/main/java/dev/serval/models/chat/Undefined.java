package dev.serval.models.chat;

/**
 * What a name or attribute that is not there evaluates to: prints as nothing, counts as false, and
 * fails when anything else is asked of it.
 *
 * @param description what is not there, as in {@code 'tools' is undefined}
 */
record Undefined(String description) {
  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  static Undefined attribute(Object of, Object name) {
    return new Undefined(
        "%s has no %s"
            .formatted(Values.kind(of), name instanceof String ? "'" + name + "'" : name));
  }

  TemplateFailure failure() {
    return TemplateFailure.of(description);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Undefined;
  }

  @Override
  public int hashCode() {
    return 0;
  }
}
