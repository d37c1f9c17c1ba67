package dev.serval.command.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * What is sent and when.
 *
 * @param requests the requests in the order of their arrival
 */
public record Workload(List<Request> requests) {
  /** Copies the list. */
  public Workload {
    requests = List.copyOf(requests);
  }

  /**
   * One request.
   *
   * @param arrivalNanos when it arrives, counted from the start of the run
   * @param prompt the prompt's token ids
   * @param outputTokens how many tokens it asks for; the model's end of sequence is ignored
   */
  public record Request(long arrivalNanos, List<Integer> prompt, int outputTokens) {
    /** Copies the prompt. */
    public Request {
      prompt = List.copyOf(prompt);
    }
  }

  /**
   * The shape of a workload.
   *
   * @param count how many requests
   * @param rate requests a second, infinite for all at once
   * @param sharedPrefix how many tokens all prompts begin with, before their own
   * @param input how many tokens of its own a prompt has
   * @param output how many tokens a request asks for
   */
  public record Shape(
      int count, double rate, int sharedPrefix, LengthMix input, LengthMix output) {}

  /**
   * Draws a workload. Prompts are random tokens, so that beyond the shared prefix no two have a
   * beginning in common that a cache could know.
   *
   * @param shape its shape
   * @param vocabulary the token ids that prompts are made of
   * @param random where everything is drawn from: the same seed gives the same workload
   * @return the workload
   */
  public static Workload draw(Shape shape, int[] vocabulary, RandomGenerator random) {
    long[] arrivals = Arrivals.poisson(shape.count(), shape.rate(), random);
    List<Integer> prefix = tokens(shape.sharedPrefix(), vocabulary, random);
    List<Request> requests = new ArrayList<>(shape.count());
    for (long arrival : arrivals) {
      List<Integer> prompt = new ArrayList<>(prefix);
      prompt.addAll(tokens(shape.input().draw(random), vocabulary, random));
      requests.add(new Request(arrival, prompt, shape.output().draw(random)));
    }
    return new Workload(requests);
  }

  private static List<Integer> tokens(int count, int[] vocabulary, RandomGenerator random) {
    return random.ints(count, 0, vocabulary.length).mapToObj(i -> vocabulary[i]).toList();
  }
}
