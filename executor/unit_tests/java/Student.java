package precieux;

/** The student's program, which lives in another box. */
public final class Student {
    private Student() {
    }

    /** Returns a new object of a class of the student's. */
    public static <T> T create(Class<T> type, String className, Object... arguments) {
        Object made = Relay.get().ask("create", type, className, null, true, arguments == null ? new Object[1] : arguments);
        return type.cast(made);
    }

    /** Returns what has the static methods of a class of the student's. */
    public static <T> T statics(Class<T> type, String className) {
        return new Handle(null, className).as(type);
    }

    /** Returns the value of a static field. */
    public static Object constant(String className, String name) {
        return Relay.get().ask("constant", Object.class, className, name, false);
    }

    /** Returns the name of the class of an exception that the student's code threw. */
    public static String nameOf(Throwable thrown) {
        return Relay.get().nameOf(thrown);
    }
}
