package dev.serval.models.chat;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.expression.ExpressionStrategy;
import com.hubspot.jinjava.tree.output.RenderedOutputNode;
import com.hubspot.jinjava.tree.parse.ExpressionToken;

/** Prints text and expressions; what they hold is never read as a template again. */
final class OutputStrategy implements ExpressionStrategy {
  private static final long serialVersionUID = 1L;

  @Override
  public RenderedOutputNode interpretOutput(ExpressionToken token, JinjavaInterpreter interpreter) {
    Scope scope = Scope.of(interpreter);
    return new RenderedOutputNode(
        switch (scope.statement(token.getExpr())) {
          case Statement.Text text -> text.text();
          case Statement.Output output -> Values.print(output.expression().evaluate(scope));
          default -> throw new IllegalStateException(token.getExpr());
        });
  }
}
