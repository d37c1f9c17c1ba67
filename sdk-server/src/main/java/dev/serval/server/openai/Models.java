package dev.serval.server.openai;

import dev.serval.api.ServedModel;
import dev.serval.api.ServingRuntime;
import dev.serval.api.UnknownModelException;
import dev.serval.server.json.Value;

/** Which model a body asks for. */
final class Models {
  private Models() {}

  /** The one it names, or the runtime's first. */
  static ServedModel of(Value body, ServingRuntime runtime) {
    return body.get("model")
        .map(Value::text)
        .map(runtime::model)
        .or(() -> runtime.models().stream().findFirst())
        .orElseThrow(() -> UnknownModelException.none("generates"));
  }
}
