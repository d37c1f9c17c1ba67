package dev.serval.command;

import dev.serval.api.ConfigurationException;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.ServalException;
import dev.serval.api.UnknownModelException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * What the user sees when something goes wrong: a sentence, and a stack trace only for who asks for
 * it. Exit code 2 says that the command line is wrong, 1 that the work failed.
 */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
  /** What the parser says where there is nothing to do. */
  private static final String NO_COMMAND = "Missing required subcommand";

  private final Console console;

  Failures(Console console) {
    this.console = console;
  }

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandLine line = e.getCommandLine();
    String command = line.getCommandSpec().qualifiedName();
    say("%s; see '%s --help'".formatted(sentence(e, line, command), command));
    return ExitCode.USAGE;
  }

  private static String sentence(ParameterException e, CommandLine line, String command) {
    return switch (e) {
      case UnmatchedArgumentException unmatched -> unmatched(unmatched, command);
      default ->
          NO_COMMAND.equals(e.getMessage())
              ? "'%s' needs a command: %s".formatted(command, commands(line))
              : words(e);
    };
  }

  private static String commands(CommandLine line) {
    return String.join(", ", line.getSubcommands().keySet());
  }

  private static String words(ParameterException e) {
    return String.valueOf(e.getMessage()).strip().replaceFirst("\\.$", "");
  }

  private static String unmatched(UnmatchedArgumentException e, String command) {
    String word = e.getUnmatched().getFirst();
    CommandLine line = e.getCommandLine();
    if (!word.startsWith("-") && !line.getSubcommands().isEmpty()) {
      return "'%s' is no command of '%s'; there is %s".formatted(word, command, commands(line));
    }
    String kind = word.startsWith("-") ? "no option" : "one argument too many";
    List<String> near = e.getSuggestions().stream().map(String::strip).toList();
    return "'%s' is %s of '%s'%s"
        .formatted(
            word,
            kind,
            command,
            near.isEmpty() ? "" : ", did you mean " + String.join(" or ", near) + "?");
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine line, ParseResult result) {
    boolean verbose = ((Serval) line.getCommandSpec().root().userObject()).verbose();
    say(sentence(e) + (expected(e) || verbose ? "" : "; --verbose shows where"));
    if (verbose) {
      e.printStackTrace(console.err());
    }
    return blamesTheCommandLine(e) ? ExitCode.USAGE : ExitCode.SOFTWARE;
  }

  private static String sentence(Exception e) {
    return expected(e) ? String.valueOf(e.getMessage()) : "it failed by an error of its own: " + e;
  }

  private static boolean expected(Exception e) {
    return e instanceof ServalException || e instanceof CommandException;
  }

  private static boolean blamesTheCommandLine(Exception e) {
    return e instanceof ConfigurationException
        || e instanceof InvalidRequestException
        || e instanceof UnknownModelException;
  }

  private void say(String sentence) {
    console.err().println("serval: " + sentence);
  }
}
