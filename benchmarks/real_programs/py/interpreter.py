"""An interpreter of a small language: it splits the text into tokens, parses them to a tree, and walks the tree."""

SOURCE = """
fun gcd(a, b) { while (b > 0) { let rest = a % b; a = b; b = rest; } return a; }
fun fib(n) { if (n < 2) { return n; } return fib(n - 1) + fib(n - 2); }
fun collatz(n) { let steps = 0; while (n != 1) { if (n % 2 == 0) { n = n / 2; } else { n = 3 * n + 1; }
  steps = steps + 1; } return steps; }
fun is_prime(n) { let d = 2; while (d * d <= n) { if (n % d == 0) { return 0; } d = d + 1; } return n > 1; }
let i = 1; let sum = 0; let longest = 0; let primes = 0;
while (i < 200) { sum = sum + gcd(i * 12, 90); let steps = collatz(i);
  if (steps > longest) { longest = steps; } primes = primes + is_prime(i); i = i + 1; }
print sum; print longest; print primes; print fib(13); print (1 + 2) * (3 + 4) - 5 % 3;
"""

SYMBOLS = ("==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "=", "(", ")", "{", "}", ",", ";")
KEYWORDS = ("fun", "while", "if", "else", "return", "let", "print")


class Token:
    def __init__(self, kind, text):
        self.kind = kind
        self.text = text


def tokens_of(source):
    place, tokens = 0, []
    while place < len(source):
        letter = source[place]
        if letter.isspace():
            place += 1
            continue
        start = place
        if letter.isdigit():
            while place < len(source) and source[place].isdigit():
                place += 1
            tokens.append(Token("number", source[start:place]))
        elif letter.isalpha():
            while place < len(source) and (source[place].isalnum() or source[place] == "_"):
                place += 1
            word = source[start:place]
            tokens.append(Token("keyword" if word in KEYWORDS else "name", word))
        else:
            symbol = next((symbol for symbol in SYMBOLS if source.startswith(symbol, place)), None)
            if symbol is None:
                raise SyntaxError(f"unexpected {letter!r}")
            place += len(symbol)
            tokens.append(Token("symbol", symbol))
    tokens.append(Token("end", ""))
    return tokens


class Number:
    def __init__(self, value):
        self.value = value

    def evaluate(self, scope):
        return self.value


class Name:
    def __init__(self, name):
        self.name = name

    def evaluate(self, scope):
        return scope.get(self.name)


class Binary:
    def __init__(self, operator, left, right):
        self.operator = operator
        self.left = left
        self.right = right

    def evaluate(self, scope):
        left, right = self.left.evaluate(scope), self.right.evaluate(scope)
        operator = self.operator
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
        if operator == "*":
            return left * right
        if operator == "/":
            return left // right
        if operator == "%":
            return left % right
        if operator == "==":
            return int(left == right)
        if operator == "!=":
            return int(left != right)
        if operator == "<":
            return int(left < right)
        if operator == ">":
            return int(left > right)
        if operator == "<=":
            return int(left <= right)
        return int(left >= right)


class Call:
    def __init__(self, name, arguments):
        self.name = name
        self.arguments = arguments

    def evaluate(self, scope):
        function = scope.functions[self.name]
        values = [argument.evaluate(scope) for argument in self.arguments]
        inner = Scope(scope.functions, dict(zip(function.parameters, values)))
        result = run_block(function.body, inner)
        return 0 if result is None else result


class Let:
    def __init__(self, name, value):
        self.name = name
        self.value = value

    def run(self, scope):
        scope.names[self.name] = self.value.evaluate(scope)


class Print:
    def __init__(self, value):
        self.value = value

    def run(self, scope):
        print(self.value.evaluate(scope))


class Return:
    def __init__(self, value):
        self.value = value

    def run(self, scope):
        return self.value.evaluate(scope)


class If:
    def __init__(self, condition, then, otherwise):
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    def run(self, scope):
        return run_block(self.then if self.condition.evaluate(scope) else self.otherwise, scope)


class While:
    def __init__(self, condition, body):
        self.condition = condition
        self.body = body

    def run(self, scope):
        while self.condition.evaluate(scope):
            result = run_block(self.body, scope)
            if result is not None:
                return result
        return None


class Expression:
    def __init__(self, value):
        self.value = value

    def run(self, scope):
        self.value.evaluate(scope)


class Function:
    def __init__(self, name, parameters, body):
        self.name = name
        self.parameters = parameters
        self.body = body

    def run(self, scope):
        scope.functions[self.name] = self


class Scope:
    def __init__(self, functions, names):
        self.functions = functions
        self.names = names

    def get(self, name):
        if name not in self.names:
            raise NameError(name)
        return self.names[name]


def run_block(block, scope):
    for statement in block:
        result = statement.run(scope)
        if result is not None:
            return result
    return None


class Parser:
    LEVELS = (("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))

    def __init__(self, tokens):
        self.tokens = tokens
        self.place = 0

    def peek(self):
        return self.tokens[self.place]

    def take(self, text=None):
        token = self.tokens[self.place]
        if text is not None and token.text != text:
            raise SyntaxError(f"expected {text}, found {token.text}")
        self.place += 1
        return token

    def accept(self, text):
        if self.peek().text == text and self.peek().kind != "end":
            self.place += 1
            return True
        return False

    def program(self):
        statements = []
        while self.peek().kind != "end":
            statements.append(self.statement())
        return statements

    def block(self):
        self.take("{")
        statements = []
        while not self.accept("}"):
            statements.append(self.statement())
        return statements

    def statement(self):
        if self.accept("fun"):
            return self.function()
        if self.accept("while"):
            return While(self.condition(), self.block())
        if self.accept("if"):
            condition, then = self.condition(), self.block()
            return If(condition, then, self.block() if self.accept("else") else [])
        if self.accept("return"):
            statement = Return(self.expression(0))
        elif self.accept("print"):
            statement = Print(self.expression(0))
        elif self.accept("let") or self.tokens[self.place + 1].text == "=":
            name = self.take().text
            self.take("=")
            statement = Let(name, self.expression(0))
        else:
            statement = Expression(self.expression(0))
        self.take(";")
        return statement

    def function(self):
        name, parameters = self.take().text, []
        self.take("(")
        while not self.accept(")"):
            parameters.append(self.take().text)
            self.accept(",")
        return Function(name, parameters, self.block())

    def condition(self):
        self.take("(")
        expression = self.expression(0)
        self.take(")")
        return expression

    def expression(self, level):
        if level == len(self.LEVELS):
            return self.atom()
        left = self.expression(level + 1)
        while self.peek().text in self.LEVELS[level]:
            operator = self.take().text
            left = Binary(operator, left, self.expression(level + 1))
        return left

    def atom(self):
        token = self.take()
        if token.kind == "number":
            return Number(int(token.text))
        if token.text == "(":
            inner = self.expression(0)
            self.take(")")
            return inner
        if not self.accept("("):
            return Name(token.text)
        arguments = []
        while not self.accept(")"):
            arguments.append(self.expression(0))
            self.accept(",")
        return Call(token.text, arguments)


run_block(Parser(tokens_of(SOURCE)).program(), Scope({}, {}))
print(NUMBER)
