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
  private final Console console;

  Failures(Console console) {
    this.console = console;
  }

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandLine line = e.getCommandLine();
    String command = line.getCommandSpec().qualifiedName();
    String sentence = e instanceof UnmatchedArgumentException u ? unmatched(u, command) : words(e);
    say("%s; see '%s --help'".formatted(sentence, command));
    return ExitCode.USAGE;
  }

  private static String words(ParameterException e) {
    return String.valueOf(e.getMessage()).strip().replaceFirst("\\.$", "");
  }

  private static String unmatched(UnmatchedArgumentException e, String command) {
    String word = e.getUnmatched().getFirst();
    String kind =
        word.startsWith("-")
            ? "no option"
            : e.getCommandLine().getSubcommands().isEmpty()
                ? "one argument too many"
                : "no command";
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
