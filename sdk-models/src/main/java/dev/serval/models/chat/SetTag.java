package dev.serval.models.chat;

import com.hubspot.jinjava.tree.TagNode;

/** {@code set}, with a value or with a block; to jinjava these are two tags. */
final class SetTag extends StatementTag {
  /** What the one with a block is called in jinjava's tree. */
  static final String BLOCK = "setblock";

  private static final long serialVersionUID = 1L;

  private SetTag(String name, boolean block) {
    super(name, block ? "endset" : null);
  }

  static SetTag value() {
    return new SetTag("set", false);
  }

  static SetTag block() {
    return new SetTag(BLOCK, true);
  }

  @Override
  String run(Statement statement, TagNode node, Scope scope) {
    switch (statement) {
      case Statement.Assignment assignment ->
          assignment.target().assign(assignment.value().evaluate(scope), scope);
      case Statement.BlockAssignment assignment ->
          assignment.target().assign(scope.within(() -> block(assignment, node, scope)), scope);
      default -> throw new IllegalStateException(statement.toString());
    }
    return "";
  }

  private static Object block(Statement.BlockAssignment assignment, TagNode node, Scope scope) {
    scope.define(Statement.BlockAssignment.BLOCK, scope.render(node.getChildren()));
    return assignment.filtered().evaluate(scope);
  }
}
