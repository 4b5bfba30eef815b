using System;
using System.Linq;

class Squares
{
    static void Main() => Console.WriteLine(string.Join(" ", Enumerable.Range(1, 10).Select(n => n * n)));
}
