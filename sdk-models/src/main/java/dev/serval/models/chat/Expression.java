package dev.serval.models.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A parsed expression, which is evaluated by itself. */
sealed interface Expression {
  /** Its value, never null. */
  Object evaluate(Scope scope);

  /** A literal. */
  record Constant(Object value) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      return value;
    }
  }

  /** A variable. */
  record Name(String name) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      scope.spend(1);
      return scope.variable(name);
    }
  }

  /** A list or, in parentheses, a tuple. */
  record Sequence(List<Expression> items, boolean tuple) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      scope.spend(items.size());
      List<Object> values = new ArrayList<>();
      items.forEach(item -> values.add(item.evaluate(scope)));
      return tuple ? new Tuple(values) : values;
    }
  }

  /** A dict. */
  record Dict(List<Expression> keys, List<Expression> values) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        map.put(Subscripts.key(keys.get(i).evaluate(scope)), values.get(i).evaluate(scope));
      }
      return map;
    }
  }

  /** {@code of.name}. */
  record Attribute(Expression of, String name) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      return Subscripts.attribute(of.evaluate(scope), name);
    }
  }

  /** {@code of[index]}. */
  record Item(Expression of, Expression index) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      return Subscripts.item(of.evaluate(scope), index.evaluate(scope));
    }
  }

  /** {@code of[from:to:step]}. */
  record Slice(
      Expression of, Optional<Expression> from, Optional<Expression> to, Optional<Expression> step)
      implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = of.evaluate(scope);
      scope.spend(1 + effort(value));
      return Subscripts.slice(value, bound(from, scope), bound(to, scope), bound(step, scope));
    }

    private static Object bound(Optional<Expression> bound, Scope scope) {
      return bound.isPresent() ? bound.get().evaluate(scope) : None.NONE;
    }
  }

  /** The arguments of a call, not evaluated yet. */
  record Parameters(List<Expression> positional, Map<String, Expression> named) {
    static final Parameters NONE = new Parameters(List.of(), Map.of());

    Arguments evaluate(String callee, Scope scope) {
      List<Object> values = new ArrayList<>();
      positional.forEach(each -> values.add(each.evaluate(scope)));
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, each) -> byName.put(name, each.evaluate(scope)));
      return new Arguments(callee, values, byName);
    }
  }

  /** A function or macro called. */
  record Call(Expression callee, Parameters parameters) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      scope.spend(1);
      Object function = callee.evaluate(scope);
      if (function instanceof Callable callable) {
        String name = callee instanceof Name named ? named.name() : "the function";
        return callable.call(parameters.evaluate(name, scope), scope);
      }
      if (function instanceof Undefined undefined) {
        throw undefined.failure();
      }
      throw TemplateFailure.of("a " + Values.kind(function) + " cannot be called");
    }
  }

  /** {@code of.name(...)}. */
  record MethodCall(Expression of, String name, Parameters parameters) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = of.evaluate(scope);
      scope.spend(1 + effort(value));
      return Methods.call(value, parameters.evaluate(name, scope));
    }
  }

  /** {@code of | name(...)}. */
  record Filtered(Expression of, String name, Parameters parameters) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = of.evaluate(scope);
      scope.spend(1 + effort(value));
      return Filters.named(name).apply(value, parameters.evaluate(name, scope));
    }
  }

  /** {@code of is name(...)}. */
  record Tested(Expression of, String name, Parameters parameters) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = of.evaluate(scope);
      return Tests.named(name).test(value, parameters.evaluate(name, scope));
    }
  }

  /** {@code not}. */
  record Not(Expression of) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      return !Values.truth(of.evaluate(scope));
    }
  }

  /** {@code and}: the first value that is false, or the last. */
  record And(Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = left.evaluate(scope);
      return Values.truth(value) ? right.evaluate(scope) : value;
    }
  }

  /** {@code or}: the first value that is true, or the last. */
  record Or(Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = left.evaluate(scope);
      return Values.truth(value) ? value : right.evaluate(scope);
    }
  }

  /** {@code then if test else otherwise}. */
  record Conditional(Expression test, Expression then, Optional<Expression> otherwise)
      implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      if (Values.truth(test.evaluate(scope))) {
        return then.evaluate(scope);
      }
      return otherwise.isPresent()
          ? otherwise.get().evaluate(scope)
          : new Undefined("an if-expression was false and has no else");
    }
  }

  /** Comparisons, chained as {@code a < b < c}. */
  record Comparison(Expression first, List<String> operators, List<Expression> others)
      implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object left = first.evaluate(scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).evaluate(scope);
        scope.spend(1 + effort(right));
        if (!Operators.compare(operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  /** Arithmetic and {@code ~}. */
  record Binary(String operator, Expression left, Expression right) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = Operators.apply(operator, left.evaluate(scope), right.evaluate(scope));
      scope.spend(1 + effort(value));
      return value;
    }
  }

  /** A sign. */
  record Signed(Expression of, boolean negative) implements Expression {
    @Override
    public Object evaluate(Scope scope) {
      Object value = of.evaluate(scope);
      return negative ? Operators.apply("-", 0L, value) : Operators.apply("+", 0L, value);
    }
  }

  private static long effort(Object value) {
    return value instanceof String text
        ? text.length() / 16
        : value instanceof List<?> list ? list.size() : 0;
  }
}
