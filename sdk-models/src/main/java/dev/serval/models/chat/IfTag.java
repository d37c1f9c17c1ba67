package dev.serval.models.chat;

import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.ArrayList;
import java.util.List;

/** {@code if}, with its {@code elif} and {@code else}. */
final class IfTag extends StatementTag {
  private static final long serialVersionUID = 1L;

  IfTag() {
    super("if", "endif");
  }

  @Override
  String run(Statement statement, TagNode node, Scope scope) {
    Statement branch = statement;
    List<Node> body = new ArrayList<>();
    for (Node child : node.getChildren()) {
      if (is(child, "elif") || is(child, "else")) {
        if (taken(branch, scope)) {
          return scope.render(body);
        }
        branch = scope.statement(((TagNode) child).getHelpers());
        body.clear();
      } else {
        body.add(child);
      }
    }
    return taken(branch, scope) ? scope.render(body) : "";
  }

  private static boolean taken(Statement branch, Scope scope) {
    return !(branch instanceof Statement.Condition condition)
        || Values.truth(condition.test().evaluate(scope));
  }
}
