package dev.serval.command;

import dev.serval.api.Bytes;
import dev.serval.api.compute.KernelPreference;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;

/** The {@code serval} command. */
@Command(
    name = "serval",
    description = "Serves language models from the JVM.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Serval.Version.class)
final class Serval {
  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "show where an error comes from")
  private boolean verbose;

  private Serval() {}

  boolean verbose() {
    return verbose;
  }

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    Logger.getLogger("").setLevel(Level.WARNING);
    Console console = Console.ofProcess(System.getProperty("serval.terminals", ""));
    System.exit(run(console, arguments));
  }

  /** Runs a command: 0 says it succeeded, 1 that it failed, 2 that the command line is wrong. */
  static int run(Console console, String... arguments) {
    Failures failures = new Failures(console);
    return new CommandLine(new Serval())
        .addSubcommand(new ServeCommand(console))
        .addSubcommand(new ChatCommand(console))
        .addSubcommand(new GenerateCommand(console))
        .addSubcommand(new InspectCommand(console))
        .addSubcommand(new PerplexityCommand(console))
        .addSubcommand(new DevicesCommand(console))
        .addSubcommand(new BenchCommand(console))
        .addSubcommand(new SimulateCommand(console))
        .addSubcommand(new CommandLine.HelpCommand())
        .setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8))
        .setParameterExceptionHandler(failures)
        .setExecutionExceptionHandler(failures)
        .registerConverter(Bytes.class, text -> converted(text, Bytes::parse))
        .registerConverter(KernelPreference.class, text -> converted(text, KernelPreference::parse))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .execute(arguments);
  }

  private static <T> T converted(String text, Function<String, T> parser) {
    try {
      return parser.apply(text);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }

  /** The version as the build wrote it into the module. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      var module = Serval.class.getModule().getDescriptor();
      String version = module == null ? "" : module.rawVersion().orElse("");
      return new String[] {("serval " + version).strip()};
    }
  }
}
