package precieux;

import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.EmptyStackException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The exceptions that arrive as themselves, by their names. No class is looked up by a name that arrives. */
final class Throwables {
    private static final Map<String, Class<? extends Throwable>> TABLE = new HashMap<>();

    static {
        for (Class<? extends Throwable> type : List.of(Exception.class, RuntimeException.class,
            ArithmeticException.class, ArrayIndexOutOfBoundsException.class, ArrayStoreException.class,
            ClassCastException.class, ClassNotFoundException.class, CloneNotSupportedException.class,
            IllegalAccessException.class, IllegalArgumentException.class, IllegalCallerException.class,
            IllegalMonitorStateException.class, IllegalStateException.class, IllegalThreadStateException.class,
            IndexOutOfBoundsException.class, InstantiationException.class, InterruptedException.class,
            NegativeArraySizeException.class, NoSuchFieldException.class, NoSuchMethodException.class,
            NullPointerException.class, NumberFormatException.class, ReflectiveOperationException.class,
            SecurityException.class, StackOverflowError.class, StringIndexOutOfBoundsException.class,
            UnsupportedOperationException.class, java.util.ConcurrentModificationException.class,
            EmptyStackException.class, java.util.InputMismatchException.class,
            java.util.NoSuchElementException.class, java.util.TooManyListenersException.class,
            java.io.CharConversionException.class,
            java.io.EOFException.class, java.io.FileNotFoundException.class, java.io.IOException.class,
            java.io.InterruptedIOException.class, java.io.InvalidObjectException.class,
            java.io.NotSerializableException.class, java.io.StreamCorruptedException.class,
            java.io.UnsupportedEncodingException.class, java.io.UTFDataFormatException.class)) {
            TABLE.put(type.getName(), type);
        }
    }

    private Throwables() {
    }

    /** Returns the names of the class and of those above it, the nearest first. */
    static List<Object> namesOf(Throwable thrown) {
        List<Object> names = new ArrayList<>();
        for (Class<?> type = thrown.getClass(); type != null && names.size() < 20; type = type.getSuperclass()) {
            names.add(type.getName());
        }
        return names;
    }

    /** Returns an exception of the first of the names that is in the table; null if none is. */
    static Throwable make(List<?> names, String text) {
        for (Object name : names) {
            Class<? extends Throwable> type = TABLE.get((String) name);
            if (type == EmptyStackException.class) return new EmptyStackException();
            if (type == null) continue;
            try {
                Constructor<? extends Throwable> made = type.getConstructor(String.class);
                return made.newInstance(text);
            } catch (ReflectiveOperationException exception) {
                throw new IllegalStateException(exception);
            }
        }
        return null;
    }
}
