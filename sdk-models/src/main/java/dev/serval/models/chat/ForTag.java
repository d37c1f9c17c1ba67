package dev.serval.models.chat;

import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.ArrayList;
import java.util.List;

/** {@code for}: each round has a scope of its own, and {@code else} is for no rounds at all. */
final class ForTag extends StatementTag {
  private static final long serialVersionUID = 1L;

  ForTag() {
    super("for", "endfor");
  }

  @Override
  String run(Statement statement, TagNode node, Scope scope) {
    Statement.For loop = (Statement.For) statement;
    List<Node> nodes = node.getChildren();
    int otherwise = find(nodes, "else");
    List<Object> items = items(loop, scope);
    if (items.isEmpty()) {
      int from = Math.min(otherwise + 1, nodes.size());
      return scope.within(() -> scope.render(nodes.subList(from, nodes.size())));
    }
    return rounds(loop, items, nodes.subList(0, otherwise), scope);
  }

  private static List<Object> items(Statement.For loop, Scope scope) {
    List<Object> items = Values.items(loop.items().evaluate(scope));
    if (loop.filter().isEmpty()) {
      return List.copyOf(items);
    }
    Expression filter = loop.filter().get();
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      if (scope.within(() -> passes(loop.target(), item, filter, scope))) {
        kept.add(item);
      }
    }
    return kept;
  }

  private static boolean passes(
      Statement.Target target, Object item, Expression filter, Scope scope) {
    target.assign(item, scope);
    return Values.truth(filter.evaluate(scope));
  }

  private static String rounds(
      Statement.For loop, List<Object> items, List<Node> body, Scope scope) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < items.size(); i++) {
      LoopState state = new LoopState(items, i);
      out.append(scope.within(() -> round(loop.target(), state, body, scope)));
      if (scope.rendering().ended() == Rendering.Exit.BREAK) {
        break;
      }
    }
    return out.toString();
  }

  private static String round(
      Statement.Target target, LoopState state, List<Node> body, Scope scope) {
    scope.spend(Rendering.SCOPE);
    target.assign(state.items().get(state.index()), scope);
    scope.define("loop", state);
    return scope.render(body);
  }
}
