/**
 * How an operation is shared out: a {@link dev.serval.models.cpu.crew.WorkCrew} of threads does its
 * parts, which of most operations are runs of rows.
 */
package dev.serval.models.cpu.crew;
