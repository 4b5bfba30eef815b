package precieux;

/** What the student's code threw, if it is an Error or has ended the call in another way. No framework obeys it. */
public final class StudentError extends RuntimeException {
    private static final long serialVersionUID = 1;

    StudentError(String message) {
        super(message);
    }
}
