package dev.serval.models.chat;

import dev.serval.models.chat.Statement.Target;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Parses pieces of a template by the grammar of Jinja's own parser. */
final class StatementParser {
  private final Names names;
  private final TokenReader in;
  private final ExpressionParser expressions;

  private StatementParser(Piece piece, Names names) {
    this.names = names;
    in = new TokenReader(piece.content());
    expressions = new ExpressionParser(in, names);
  }

  static Statement parse(Piece piece, Names names) {
    try {
      return piece.kind() == Piece.Kind.TEXT
          ? new Statement.Text(piece.content())
          : new StatementParser(piece, names).parse(piece);
    } catch (TemplateFailure e) {
      throw e.at(piece.line());
    }
  }

  private Statement parse(Piece piece) {
    Statement statement =
        piece.kind() == Piece.Kind.OUTPUT
            ? new Statement.Output(expressions.tuple(true))
            : statement(piece.name());
    in.end();
    return statement;
  }

  private Statement statement(String name) {
    return switch (name) {
      case "if", "elif" -> new Statement.Condition(expressions.tuple(false));
      case "for" -> loop();
      case "set" -> assignment();
      case "macro" -> macro();
      default -> new Statement.Word(name);
    };
  }

  private Statement loop() {
    Target target = target(false);
    if (!in.skipName("in")) {
      throw in.unexpected("'in'");
    }
    Expression items = expressions.tuple(false);
    Optional<Expression> filter =
        in.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
    if (in.current().named("recursive")) {
      throw TemplateFailure.of("'recursive' loops are not supported");
    }
    return new Statement.For(target, items, filter);
  }

  private Statement assignment() {
    Target target = target(true);
    if (in.skip("=")) {
      return new Statement.Assignment(target, expressions.tuple(true));
    }
    return new Statement.BlockAssignment(
        target, expressions.filters(new Expression.Name(Statement.BlockAssignment.BLOCK)));
  }

  private Statement macro() {
    String name = in.name();
    names.defined(name);
    in.expect("(");
    List<String> parameters = new ArrayList<>();
    Map<String, Expression> defaults = new LinkedHashMap<>();
    while (!in.skip(")")) {
      String parameter = in.name();
      names.defined(parameter);
      parameters.add(parameter);
      if (in.skip("=")) {
        defaults.put(parameter, expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw TemplateFailure.of("a parameter without a default follows one that has it");
      }
      if (!in.current().is(")")) {
        in.expect(",");
      }
    }
    return new Statement.Macro(name, List.copyOf(parameters), defaults);
  }

  private Target target(boolean attributes) {
    boolean parentheses = in.skip("(");
    List<String> targets = new ArrayList<>();
    boolean unpacked = false;
    targets.add(in.name());
    if (attributes && in.skip(".")) {
      return new Target(targets, false, in.name());
    }
    while (in.skip(",")) {
      unpacked = true;
      if (in.current().kind() == Token.Kind.NAME && !in.current().named("in")) {
        targets.add(in.name());
      }
    }
    if (parentheses) {
      in.expect(")");
    }
    targets.forEach(names::defined);
    return new Target(List.copyOf(targets), unpacked, "");
  }
}
