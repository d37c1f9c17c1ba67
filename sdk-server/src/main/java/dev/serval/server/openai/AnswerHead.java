package dev.serval.server.openai;

import dev.serval.api.ServedModel;
import java.time.Instant;

/**
 * What every part of an answer begins with.
 *
 * @param id the answer's id
 * @param created when the request was taken, in seconds since the epoch
 * @param model the served model's name
 * @param systemFingerprint tells one set of weights from another
 */
public record AnswerHead(String id, long created, String model, String systemFingerprint) {
  private static final int DIGITS = 12;

  /** The head of an answer by a model. */
  public static AnswerHead of(String id, Instant created, ServedModel model) {
    String digest = model.digest().toString();
    return new AnswerHead(
        id, created.getEpochSecond(), model.name(), "fp_" + digest.substring(0, DIGITS));
  }
}
