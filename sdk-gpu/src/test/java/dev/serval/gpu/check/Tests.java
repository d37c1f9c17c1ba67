package dev.serval.gpu.check;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** Runs test classes where there is neither Maven nor a build: {@code Tests CLASS…}. */
public final class Tests {
  private static final int MOST_FAILURES = 20;

  private Tests() {}

  /**
   * Runs them and says how they went, on the last line in one sentence.
   *
   * @param classes names of test classes
   */
  public static void main(String[] classes) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(
                Arrays.stream(classes)
                    .map(name -> selectClass(name))
                    .toArray(DiscoverySelector[]::new))
            .build();
    SummaryGeneratingListener listener = new SummaryGeneratingListener();
    Launcher launcher = LauncherFactory.create();
    launcher.execute(request, listener, new Progress());
    TestExecutionSummary summary = listener.getSummary();
    summary.printFailuresTo(
        new PrintWriter(System.out, true, StandardCharsets.UTF_8), MOST_FAILURES);
    System.out.printf(
        "tests: %d passed, %d failed, %d skipped in %d s%n",
        summary.getTestsSucceededCount(),
        summary.getTotalFailureCount(),
        summary.getTestsSkippedCount() + summary.getTestsAbortedCount(),
        (summary.getTimeFinished() - summary.getTimeStarted()) / 1000);
    System.exit(summary.getTotalFailureCount() == 0 ? 0 : 1);
  }

  /** Says of each test how long it took, as it ends: a time limit then shows where it struck. */
  private static final class Progress implements TestExecutionListener {
    private long begin;

    @Override
    public void executionStarted(TestIdentifier test) {
      begin = System.nanoTime();
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (test.isTest()) {
        System.out.printf(
            "%s: %s, %.1f s%n",
            test.getDisplayName(), result.getStatus(), (System.nanoTime() - begin) / 1e9);
      }
    }
  }
}
