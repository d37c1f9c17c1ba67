package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A tag in jinjava's tree that runs a statement as Jinja would. Has no state. */
abstract class StatementTag implements Tag {
  private static final long serialVersionUID = 1L;

  private final String name;
  private final @Nullable String end;

  /**
   * A tag.
   *
   * @param end the name of the tag that ends its block; null if it has none
   */
  StatementTag(String name, @Nullable String end) {
    this.name = name;
    this.end = end;
  }

  /** Runs the statement of a node. */
  abstract String run(Statement statement, TagNode node, Scope scope);

  @Override
  public final String getName() {
    return name;
  }

  @Override
  public final @Nullable String getEndTagName() {
    return end;
  }

  @Override
  public final String interpret(TagNode node, JinjavaInterpreter interpreter) {
    Scope scope = Scope.of(interpreter);
    return run(scope.statement(node.getHelpers()), node, scope);
  }

  /** Whether a node is a tag of this name. */
  static boolean is(Node node, String name) {
    return node instanceof TagNode tag && tag.getName().equals(name);
  }

  /** Where the first tag of this name is among some nodes; their number if it is nowhere. */
  static int find(List<Node> nodes, String name) {
    int at = 0;
    while (at < nodes.size() && !is(nodes.get(at), name)) {
      at++;
    }
    return at;
  }
}
