package dev.serval.models.chat;

import dev.serval.models.chat.Expression.Parameters;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Parses expressions by the grammar of Jinja's own parser (<a
 * href="https://jinja.palletsprojects.com/en/stable/templates/#expressions">expressions</a>), with
 * its precedence: conditional, or, and, not, comparison, sum, {@code ~}, product, power, sign,
 * postfix, filter and test. Filters, tests and methods that are not there are refused here.
 */
final class ExpressionParser {
  private static final int MAX_DEPTH = 100;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  /** Tests for whether there is a variable. */
  private static final Set<String> PRESENCE = Set.of("defined", "undefined");

  /** Filters that stand in for one that there is not. */
  private static final Set<String> DEFAULTS = Set.of("default", "d");

  private final TokenReader in;
  private final Names names;
  private int depth;

  ExpressionParser(TokenReader in, Names names) {
    this.in = in;
    this.names = names;
  }

  /** One expression, and nothing after it. */
  static Expression whole(String source, Names names) {
    TokenReader in = new TokenReader(source);
    Expression expression = new ExpressionParser(in, names).tuple(true);
    in.end();
    return expression;
  }

  /** Expressions with commas between them are a tuple. */
  Expression tuple(boolean conditional) {
    List<Expression> items = new ArrayList<>();
    boolean tuple = false;
    while (!in.ended() && !in.current().is(")")) {
      items.add(conditional ? expression() : or());
      if (!in.skip(",")) {
        break;
      }
      tuple = true;
    }
    if (items.isEmpty()) {
      throw in.unexpected("an expression");
    }
    return tuple ? new Expression.Sequence(items, true) : items.getFirst();
  }

  Expression expression() {
    enter();
    Expression value = or();
    while (in.skipName("if")) {
      Expression test = or();
      Optional<Expression> otherwise =
          in.skipName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Expression.Conditional(test, value, otherwise);
    }
    depth--;
    return value;
  }

  Expression or() {
    Expression left = and();
    while (in.skipName("or")) {
      left = new Expression.Or(left, and());
    }
    return left;
  }

  /** The filters that follow, on a value that may come from elsewhere. */
  Expression filters(Expression value) {
    Expression filtered = value;
    while (in.skip("|")) {
      filtered = filter(filtered);
    }
    return filtered;
  }

  private Expression and() {
    Expression left = not();
    while (in.skipName("and")) {
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    if (!in.skipName("not")) {
      return comparison();
    }
    enter();
    Expression negated = new Expression.Not(not());
    depth--;
    return negated;
  }

  private Expression comparison() {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    for (String operator = comparator(); !operator.isEmpty(); operator = comparator()) {
      operators.add(operator);
      others.add(sum());
    }
    return operators.isEmpty() ? first : new Expression.Comparison(first, operators, others);
  }

  /** Takes a comparison's operator, if one follows. */
  private String comparator() {
    Token token = in.current();
    if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.text())) {
      return in.advance().text();
    }
    if (in.skipName("in")) {
      return "in";
    }
    if (token.named("not") && in.following().named("in")) {
      in.advance();
      in.advance();
      return "not in";
    }
    return "";
  }

  private Expression sum() {
    Expression left = concatenation();
    while (in.current().is("+") || in.current().is("-")) {
      left = new Expression.Binary(in.advance().text(), left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression left = product();
    while (in.skip("~")) {
      left = new Expression.Binary("~", left, product());
    }
    return left;
  }

  private Expression product() {
    Expression left = power();
    while (in.current().isAny("*", "/", "//", "%")) {
      left = new Expression.Binary(in.advance().text(), left, power());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (in.skip("**")) {
      left = new Expression.Binary("**", left, unary(true));
    }
    return left;
  }

  private Expression unary(boolean filtered) {
    enter();
    Expression value;
    if (in.current().isAny("-", "+")) {
      boolean negative = in.advance().is("-");
      value = new Expression.Signed(unary(false), negative);
    } else {
      value = primary();
    }
    value = postfix(value);
    depth--;
    return filtered ? filtersAndTests(value) : value;
  }

  private Expression primary() {
    Token token = in.current();
    return switch (token.kind()) {
      case NAME -> named(in.advance().text());
      case STRING -> text();
      case INTEGER -> new Expression.Constant(integer(in.advance().text()));
      case FLOAT -> new Expression.Constant(real(in.advance().text()));
      case OPERATOR, END -> bracketed();
    };
  }

  private Expression named(String name) {
    return switch (name) {
      case "true", "True" -> new Expression.Constant(true);
      case "false", "False" -> new Expression.Constant(false);
      case "none", "None" -> new Expression.Constant(None.NONE);
      default -> {
        names.used(name);
        yield new Expression.Name(name);
      }
    };
  }

  private Expression text() {
    StringBuilder text = new StringBuilder();
    while (in.current().kind() == Token.Kind.STRING) {
      text.append(in.advance().text());
    }
    return new Expression.Constant(text.toString());
  }

  private static Object integer(String digits) {
    String plain = digits.replace("_", "").toLowerCase(java.util.Locale.ROOT);
    int radix =
        plain.startsWith("0x") ? 16 : plain.startsWith("0o") ? 8 : plain.startsWith("0b") ? 2 : 10;
    try {
      return Long.parseLong(radix == 10 ? plain : plain.substring(2), radix);
    } catch (NumberFormatException e) {
      throw TemplateFailure.of("the number " + digits + " is too large");
    }
  }

  private static Object real(String digits) {
    return Double.parseDouble(digits.replace("_", ""));
  }

  private Expression bracketed() {
    if (in.skip("(")) {
      if (in.skip(")")) {
        return new Expression.Sequence(List.of(), true);
      }
      Expression inner = tuple(true);
      in.expect(")");
      return inner;
    }
    if (in.skip("[")) {
      return new Expression.Sequence(list("]"), false);
    }
    if (in.skip("{")) {
      return dict();
    }
    throw in.unexpected("an expression");
  }

  private List<Expression> list(String end) {
    List<Expression> items = new ArrayList<>();
    while (!in.skip(end)) {
      items.add(expression());
      if (!in.current().is(end)) {
        in.expect(",");
      }
    }
    return items;
  }

  private Expression dict() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!in.skip("}")) {
      keys.add(expression());
      in.expect(":");
      values.add(expression());
      if (!in.current().is("}")) {
        in.expect(",");
      }
    }
    return new Expression.Dict(keys, values);
  }

  private Expression postfix(Expression value) {
    Expression whole = value;
    while (true) {
      if (in.skip(".")) {
        whole = attribute(whole);
      } else if (in.skip("[")) {
        whole = subscript(whole);
      } else if (in.current().is("(")) {
        whole = call(whole);
      } else {
        return whole;
      }
    }
  }

  private Expression attribute(Expression of) {
    if (in.current().kind() == Token.Kind.INTEGER) {
      return new Expression.Item(of, new Expression.Constant(integer(in.advance().text())));
    }
    String name = in.name();
    if (!in.current().is("(")) {
      return new Expression.Attribute(of, name);
    }
    Methods.require(name);
    return new Expression.MethodCall(of, name, parameters());
  }

  private Expression call(Expression callee) {
    if (callee instanceof Expression.Name name) {
      names.called(name.name());
    } else {
      throw TemplateFailure.of("only functions, macros and methods can be called, by their names");
    }
    return new Expression.Call(callee, parameters());
  }

  private Expression subscript(Expression of) {
    Optional<Expression> first = bound();
    if (in.skip("]")) {
      return new Expression.Item(of, first.orElseThrow(() -> in.unexpected("an index")));
    }
    in.expect(":");
    Optional<Expression> to = bound();
    Optional<Expression> step = in.skip(":") ? bound() : Optional.empty();
    in.expect("]");
    return new Expression.Slice(of, first, to, step);
  }

  private Optional<Expression> bound() {
    return in.current().isAny(":", "]") ? Optional.empty() : Optional.of(expression());
  }

  private Expression filtersAndTests(Expression value) {
    Expression whole = value;
    while (true) {
      if (in.skip("|")) {
        whole = filter(whole);
      } else if (in.skipName("is")) {
        whole = test(whole);
      } else if (in.current().is("(")) {
        whole = call(whole);
      } else {
        return whole;
      }
    }
  }

  private Expression filter(Expression of) {
    String name = in.name();
    Filters.require(name);
    noteIfAsked(of, DEFAULTS.contains(name));
    Parameters parameters = in.current().is("(") ? parameters() : Parameters.NONE;
    switch (name) {
      case "map" -> requireNamed(parameters, 0, Filters::require);
      case "select", "reject" -> requireNamed(parameters, 0, Tests::require);
      case "selectattr", "rejectattr" -> requireNamed(parameters, 1, Tests::require);
      default -> {}
    }
    return new Expression.Filtered(of, name, parameters);
  }

  /** What a template does without is given from outside, or is not. */
  private void noteIfAsked(Expression of, boolean asked) {
    if (asked && of instanceof Expression.Name variable) {
      names.asked(variable.name());
    }
  }

  /** Checks the filter or test that an argument names. */
  private static void requireNamed(Parameters parameters, int position, Consumer<String> check) {
    if (position < parameters.positional().size()
        && parameters.positional().get(position) instanceof Expression.Constant constant
        && constant.value() instanceof String name) {
      check.accept(name);
    }
  }

  private Expression test(Expression of) {
    boolean negated = in.skipName("not");
    String name = in.name();
    Tests.require(name);
    noteIfAsked(of, PRESENCE.contains(name));
    Parameters parameters = in.current().is("(") ? parameters() : testArgument();
    Expression test = new Expression.Tested(of, name, parameters);
    return negated ? new Expression.Not(test) : test;
  }

  /** A test's one argument needs no parentheses. */
  private Parameters testArgument() {
    Token token = in.current();
    boolean argument =
        switch (token.kind()) {
          case NAME -> !token.named("else") && !token.named("or") && !token.named("and");
          case STRING, INTEGER, FLOAT -> true;
          case OPERATOR -> token.isAny("[", "{");
          case END -> false;
        };
    if (!argument) {
      return Parameters.NONE;
    }
    if (token.named("is")) {
      throw TemplateFailure.of("tests cannot be chained with 'is'");
    }
    return new Parameters(List.of(postfix(primary())), Map.of());
  }

  private Parameters parameters() {
    in.expect("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!in.skip(")")) {
      if (in.current().isAny("*", "**")) {
        throw TemplateFailure.of("arguments with * or ** are not supported");
      }
      parameter(positional, named);
      if (!in.current().is(")")) {
        in.expect(",");
      }
    }
    return new Parameters(positional, named);
  }

  private void parameter(List<Expression> positional, Map<String, Expression> named) {
    if (in.current().kind() == Token.Kind.NAME && in.following().is("=")) {
      String name = in.name();
      in.expect("=");
      if (named.put(name, expression()) != null) {
        throw TemplateFailure.of("the argument '" + name + "' is given twice");
      }
    } else if (named.isEmpty()) {
      positional.add(expression());
    } else {
      throw TemplateFailure.of("an argument without a name follows one with a name");
    }
  }

  private void enter() {
    if (++depth > MAX_DEPTH) {
      throw TemplateFailure.of("an expression is nested more than " + MAX_DEPTH + " deep");
    }
  }
}
