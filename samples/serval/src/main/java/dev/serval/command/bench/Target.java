package dev.serval.command.bench;

import java.io.IOException;

/** What is measured: a server, or a runtime in this process. */
public interface Target extends AutoCloseable {
  /**
   * The model that answers.
   *
   * @return its served name
   */
  String model();

  /**
   * What the results call this kind of target.
   *
   * @return {@code openai} for a server, {@code serval} for a runtime in this process
   */
  String backend();

  /**
   * Tokens that prompts can be made of.
   *
   * @return ids of ordinary text, at least one
   * @throws IOException when the target does not say
   * @throws InterruptedException when the thread is interrupted
   */
  int[] vocabulary() throws IOException, InterruptedException;

  /**
   * Sends a request and follows its answer to the end, on a thread of its own.
   *
   * @param request the request
   * @param stopwatch told of each chunk as it arrives, and of the usage in the end
   * @throws IOException when the target refuses or breaks off
   * @throws InterruptedException when the thread is interrupted
   */
  void answer(Workload.Request request, Stopwatch stopwatch)
      throws IOException, InterruptedException;

  @Override
  void close();
}
