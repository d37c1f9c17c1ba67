package dev.serval.models.chat;

import com.hubspot.jinjava.tree.TagNode;

/**
 * Statements that are but a word: {@code break} and {@code continue}, the marks {@code elif} and
 * {@code else} that others look for, and {@code generation}, which marks for training what the
 * assistant says and prints what is in it.
 */
final class WordTag extends StatementTag {
  private static final long serialVersionUID = 1L;

  private WordTag(String name, boolean block) {
    super(name, block ? "end" + name : null);
  }

  static WordTag mark(String name) {
    return new WordTag(name, false);
  }

  static WordTag block(String name) {
    return new WordTag(name, true);
  }

  @Override
  String run(Statement statement, TagNode node, Scope scope) {
    switch (getName()) {
      case "break" -> scope.rendering().exit(Rendering.Exit.BREAK);
      case "continue" -> scope.rendering().exit(Rendering.Exit.CONTINUE);
      default -> {
        return scope.render(node.getChildren());
      }
    }
    return "";
  }
}
