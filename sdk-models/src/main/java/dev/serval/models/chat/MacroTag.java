package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.tree.TagNode;
import java.util.List;

/** {@code macro}: defines a function that sees the variables of where it stands. */
final class MacroTag extends StatementTag {
  private static final long serialVersionUID = 1L;

  MacroTag() {
    super("macro", "endmacro");
  }

  @Override
  String run(Statement statement, TagNode node, Scope scope) {
    Statement.Macro macro = (Statement.Macro) statement;
    Context around = scope.interpreter().getContext();
    scope.define(
        macro.name(),
        (Callable) (arguments, caller) -> call(macro, node, around, arguments, caller));
    return "";
  }

  private static Object call(
      Statement.Macro macro, TagNode node, Context around, Arguments arguments, Scope caller) {
    Scope scope = TemplateEngine.scope(new Context(around), caller.rendering());
    bind(macro, arguments, scope);
    scope.spend(Rendering.SCOPE);
    scope.rendering().enterCall();
    try {
      return scope.render(node.getChildren());
    } finally {
      scope.rendering().leaveCall();
    }
  }

  private static void bind(Statement.Macro macro, Arguments arguments, Scope scope) {
    List<String> parameters = macro.parameters();
    Arguments given = arguments.only(parameters.toArray(String[]::new));
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      Expression otherwise = macro.defaults().get(name);
      Object value = given.optional(i, name, Undefined.name(name));
      boolean missing = i >= given.positional().size() && !given.named().containsKey(name);
      scope.define(name, missing && otherwise != null ? otherwise.evaluate(scope) : value);
    }
  }
}
