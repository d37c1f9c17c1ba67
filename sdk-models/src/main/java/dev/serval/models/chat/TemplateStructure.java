package dev.serval.models.chat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** Checks that statements are nested as they should be. */
final class TemplateStructure {
  private static final int MAX_DEPTH = 64;

  private final Deque<Piece> open = new ArrayDeque<>();
  private final Deque<Boolean> otherwise = new ArrayDeque<>();

  private TemplateStructure() {}

  static void check(List<Piece> pieces, List<Statement> statements) {
    TemplateStructure structure = new TemplateStructure();
    for (int i = 0; i < pieces.size(); i++) {
      if (pieces.get(i).kind() == Piece.Kind.STATEMENT) {
        structure.next(pieces.get(i), statements.get(i));
      }
    }
    if (!structure.open.isEmpty()) {
      Piece piece = structure.open.element();
      throw TemplateFailure.of("'%s' has no 'end%1$s'".formatted(piece.name())).at(piece.line());
    }
  }

  private void next(Piece piece, Statement statement) {
    switch (piece.name()) {
      case "if", "for", "macro", "generation" -> begin(piece);
      case "set" -> {
        if (statement instanceof Statement.BlockAssignment) {
          begin(piece);
        }
      }
      case "elif", "else" -> branch(piece);
      case "break", "continue" -> {
        if (!inLoop()) {
          throw misplaced(piece);
        }
      }
      default -> end(piece);
    }
  }

  private void begin(Piece piece) {
    open.push(piece);
    otherwise.push(false);
    if (open.size() > MAX_DEPTH) {
      throw TemplateFailure.of("statements are nested more than " + MAX_DEPTH + " deep")
          .at(piece.line());
    }
  }

  private void branch(Piece piece) {
    boolean last = piece.name().equals("else");
    String around = open.isEmpty() ? "" : open.element().name();
    boolean fits = around.equals("if") || (last && around.equals("for"));
    if (!fits || otherwise.element()) {
      throw misplaced(piece);
    }
    otherwise.pop();
    otherwise.push(last);
  }

  private void end(Piece piece) {
    if (open.isEmpty() || !piece.name().equals("end" + open.element().name())) {
      throw misplaced(piece);
    }
    open.pop();
    otherwise.pop();
  }

  /** Whether a loop is around, within the macro if one is. */
  private boolean inLoop() {
    for (Piece piece : open) {
      if (piece.name().equals("for") || piece.name().equals("macro")) {
        return piece.name().equals("for");
      }
    }
    return false;
  }

  private TemplateFailure misplaced(Piece piece) {
    String around = open.isEmpty() ? "nothing is open" : "'" + open.element().name() + "' is open";
    return TemplateFailure.of("'%s' is out of place, where %s".formatted(piece.name(), around))
        .at(piece.line());
  }
}
