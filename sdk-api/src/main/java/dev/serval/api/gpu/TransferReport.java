package dev.serval.api.gpu;

import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the transfers of a batch cost that went one way.
 *
 * @param path the way they went
 * @param reason why not a shorter one; empty for {@link TransferPath#REGION_COPY}
 * @param bytes what arrived
 * @param copies how often each byte was copied on its way on average, by whomever: a read from the
 *     drive, a processor's copy and the device's copy count one each
 * @param processorNanos what it took of the host's processors, without the system's own threads
 * @param wallNanos from when the batch's first transfer began until its last one ended
 */
public record TransferReport(
    TransferPath path,
    String reason,
    long bytes,
    double copies,
    long processorNanos,
    long wallNanos) {

  /**
   * Adds reports up, such as those of the batches that brought a model.
   *
   * @param reports of any batches
   * @return one for each way, the shortest way first: times are added up as if none had overlapped
   */
  public static List<TransferReport> totals(List<TransferReport> reports) {
    Map<TransferPath, TransferReport> totals = new EnumMap<>(TransferPath.class);
    reports.forEach(report -> totals.merge(report.path(), report, TransferReport::plus));
    return List.copyOf(totals.values());
  }

  private TransferReport plus(TransferReport other) {
    long both = bytes + other.bytes;
    return new TransferReport(
        path,
        other.reason,
        both,
        (copies * bytes + other.copies * other.bytes) / both,
        processorNanos + other.processorNanos,
        wallNanos + other.wallNanos);
  }

  /**
   * How fast the bytes went.
   *
   * @return gigabytes (10<sup>9</sup>) a second over the wall time
   */
  public double gigabytesPerSecond() {
    return (double) bytes / Math.max(1, wallNanos);
  }

  /**
   * What a gigabyte (10<sup>9</sup> bytes) takes.
   *
   * @return seconds of the host's processors
   */
  public double processorSecondsPerGigabyte() {
    return (double) processorNanos / Math.max(1, bytes);
  }

  /** One line, such as {@code describe()} shows it. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%d bytes, %s%s: %.2f GB/s, %.1f copies of each byte, %.3f CPU-s per GB",
        bytes,
        path,
        reason.isEmpty() ? "" : " (" + reason + ")",
        gigabytesPerSecond(),
        copies,
        processorSecondsPerGigabyte());
  }
}
