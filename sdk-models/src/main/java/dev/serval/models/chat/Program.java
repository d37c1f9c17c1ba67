package dev.serval.models.chat;

import java.util.List;
import java.util.Set;

/**
 * A template's statements by their numbers. jinjava sees the numbers alone, as in {@code {% if 3
 * %}{{ 4 }}{% endif %}}, so that nothing of a template is ever read in another way than Jinja
 * would.
 *
 * @param statements the statements
 * @param variables the names that may be given from outside
 */
record Program(List<Statement> statements, Set<String> variables) {
  /** Parses and checks all of a template. */
  static Program of(List<Piece> pieces) {
    Names names = new Names();
    List<Statement> statements =
        pieces.stream().map(piece -> StatementParser.parse(piece, names)).toList();
    names.check();
    TemplateStructure.check(pieces, statements);
    return new Program(statements, names.open());
  }

  /** The structure of some pieces, as jinjava takes it. */
  String structure(List<Piece> pieces) {
    StringBuilder structure = new StringBuilder();
    for (int i = 0; i < pieces.size(); i++) {
      structure.append(
          pieces.get(i).kind() == Piece.Kind.STATEMENT
              ? "{%% %s %s %%}".formatted(tag(i, pieces.get(i)), number(i, pieces.get(i)))
              : "{{ %d }}".formatted(i));
    }
    return structure.toString();
  }

  /** The statement of this number. */
  Statement statement(String number) {
    return statements.get(Integer.parseInt(number.strip()));
  }

  private String tag(int index, Piece piece) {
    return statements.get(index) instanceof Statement.BlockAssignment ? SetTag.BLOCK : piece.name();
  }

  private static String number(int index, Piece piece) {
    return piece.name().startsWith("end") ? "" : String.valueOf(index);
  }
}
