package dev.serval.models.chat;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.tree.Node;
import java.util.List;
import java.util.Map;

/**
 * jinjava with the tags of chat templates. It parses their structure into a tree, runs the tree,
 * keeps the variables in scopes, and bounds the output. Set up once, which takes it some time, and
 * not changed from then on.
 *
 * <p>Nothing of jinjava's own library can be reached: of its tags only those below are ever in a
 * structure, and its expression language is not used at all.
 */
final class TemplateEngine {
  private static final long MAX_OUTPUT = 1L << 26;
  private static final Jinjava JINJAVA = jinjava();

  private TemplateEngine() {}

  /** Parses a structure. */
  static Node parse(String structure) {
    JinjavaInterpreter interpreter = interpreter(new Context(JINJAVA.getGlobalContext()));
    Node root = interpreter.parse(structure);
    requireNone(interpreter.getErrorsCopy());
    return root;
  }

  /** Renders a tree with these variables. */
  static String render(Node root, Map<String, Object> variables, Rendering rendering) {
    Context context = new Context(JINJAVA.getGlobalContext(), variables);
    Scope.enter(context, rendering);
    JinjavaInterpreter interpreter = interpreter(context);
    String text = interpreter.render(root);
    requireNone(interpreter.getErrorsCopy());
    return text;
  }

  /** Where to evaluate with these variables. */
  static Scope scope(Context variables, Rendering rendering) {
    return new Scope(interpreter(variables), rendering);
  }

  private static JinjavaInterpreter interpreter(Context context) {
    return new JinjavaInterpreter(JINJAVA, context, JINJAVA.getGlobalConfig());
  }

  /** jinjava notes what goes wrong and goes on; here it ends there. */
  private static void requireNone(List<TemplateError> errors) {
    if (!errors.isEmpty()) {
      throw TemplateFailure.of(errors.getFirst().getMessage());
    }
  }

  private static Jinjava jinjava() {
    LegacyOverrides strict =
        LegacyOverrides.newBuilder().withParseWhitespaceControlStrictly(true).build();
    JinjavaConfig config =
        JinjavaConfig.newBuilder()
            .withMaxOutputSize(MAX_OUTPUT)
            .withNestedInterpretationEnabled(false)
            .withFailOnUnknownTokens(true)
            .withTrimBlocks(false)
            .withLstripBlocks(false)
            .withKeepTrailingNewline(true)
            .withLegacyOverrides(strict)
            .build();
    Jinjava jinjava = new Jinjava(config);
    Context global = jinjava.getGlobalContext();
    global.setAutoEscape(false);
    global.setExpressionStrategy(new OutputStrategy());
    tags().forEach(global::registerTag);
    return jinjava;
  }

  private static List<StatementTag> tags() {
    return List.of(
        new IfTag(),
        WordTag.mark("elif"),
        WordTag.mark("else"),
        new ForTag(),
        WordTag.mark("break"),
        WordTag.mark("continue"),
        SetTag.value(),
        SetTag.block(),
        new MacroTag(),
        WordTag.block("generation"));
  }
}
