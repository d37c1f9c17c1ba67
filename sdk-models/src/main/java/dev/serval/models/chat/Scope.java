package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.tree.Node;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.function.Supplier;

/**
 * Where an expression is evaluated: the variables, which jinjava keeps, and the state of the whole
 * rendering.
 */
record Scope(JinjavaInterpreter interpreter, Rendering rendering) {
  /** No template can spell this name. */
  private static final String RENDERING = "the rendering";

  static Scope of(JinjavaInterpreter interpreter) {
    if (interpreter.getContext().get(RENDERING) instanceof Rendering rendering) {
      return new Scope(interpreter, rendering);
    }
    throw new IllegalStateException("a template is rendered outside a rendering");
  }

  static void enter(Context context, Rendering rendering) {
    context.put(RENDERING, rendering);
  }

  /** The statement of this number. */
  Statement statement(String number) {
    return rendering.program().statement(number);
  }

  Object variable(String name) {
    Object value = interpreter.getContext().get(name);
    return value == null ? Undefined.name(name) : value;
  }

  void define(String name, Object value) {
    interpreter.getContext().put(name, value);
  }

  ZonedDateTime now() {
    return rendering.now();
  }

  void spend(long effort) {
    rendering.spend(effort);
  }

  /** Does something in a scope of its own within this one. */
  <T> T within(Supplier<T> work) {
    interpreter.enterScope();
    try {
      return work.get();
    } finally {
      interpreter.leaveScope();
    }
  }

  /** Renders some nodes, until a loop is left or continued. */
  String render(List<Node> nodes) {
    StringBuilder out = new StringBuilder();
    for (Node node : nodes) {
      String text = node.render(interpreter).getValue();
      spend(1 + text.length() / 16);
      out.append(text);
      if (rendering.leaving()) {
        break;
      }
    }
    return out.toString();
  }
}
