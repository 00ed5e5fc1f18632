"""Names, towns, streets and words of seven countries, of which made-up people are composed.

Head and tail: the words listed are common and come in about the order of how common they are; rare family
names are composed of parts of the language, some thousands a country. Nobody is meant by any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product

STEEPNESS = 0.85  # of the law of Zipf for names: the n-th is 1 / (n + HEAD) ** STEEPNESS as common as the first
HEAD = 6
RARE = 2600  # family names composed a country


@dataclass(frozen=True, eq=False)
class Country:
    """Raw words of a country, separated by spaces; `+` and `_` stand for a space within one.

    In numbers # is any digit and % one of 1, 2, 3, 6; the first two of a postcode are the town's.
    """

    code: str
    share: float  # of all people
    written: tuple[str, ...]  # the country as systems write it
    men: str
    women: str
    family: str
    parts: tuple[str, str, str]  # of rare family names
    towns: str
    streets: str  # separated by commas; * is what the street is named after
    short: dict[str, str]  # streets: long form → short form
    sights: str  # what streets are named after, besides family names
    mail: str  # domains of free mail
    legal: str
    trades: str
    office: str  # of addresses of offices, before the @
    mobile: str
    landline: str
    dial: str
    postcode: str
    tax: str
    families: int = 1  # family names a person has
    second: float = 0.15  # share of people with a second given name

    def zipf(self, kind: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """(names, cumulated weights): kind is "men", "women" or "family"."""
        return _zipf(self, kind)

    def some(self, kind: str) -> tuple[str, ...]:
        """The words of `towns`, `sights`, `mail`, `legal`, `trades`, `office` or `streets`."""
        return _words(getattr(self, kind), "," if kind == "streets" else None)


@lru_cache
def _words(text: str, separator: str | None) -> tuple[str, ...]:
    return tuple(word.strip().replace("+", " ").replace("_", " ") for word in text.split(separator))


@lru_cache
def _zipf(country: Country, kind: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    names = list(dict.fromkeys(getattr(country, kind).split()))
    if kind == "family":
        names = list(dict.fromkeys([*names, *_composed(country.parts)]))
    weights = accumulate(1 / (rank + HEAD) ** STEEPNESS for rank in range(len(names)))
    return tuple(names), tuple(weights)


def _composed(parts: tuple[str, str, str]) -> list[str]:
    """Rare names, in an order that mixes first and last parts."""
    found = ["".join(word) for word in product(*(part.split() for part in parts))]
    step = next(step for step in (1009, 1013, 1019) if len(found) % step)
    return [found[at * step % len(found)] for at in range(min(RARE, len(found)))]


PORTUGAL = Country(
    code="PT",
    share=0.26,
    written=("PT", "PT", "PT", "Portugal", "PRT"),
    men="""João José António Manuel Pedro Paulo Luís Francisco Carlos Miguel Rui Nuno Tiago Ricardo Jorge
    Bruno Diogo André Fernando Joaquim Gonçalo Hugo Vasco Duarte Tomás Afonso Rodrigo Martim Filipe Vítor
    Sérgio Henrique Alexandre Mário Armando Américo Abílio Álvaro Bernardo Salvador Simão Gabriel Rafael
    Daniel Gustavo Renato Domingos Augusto Eduardo Leandro Marco Xavier Zeferino Norberto Telmo Ivo Baltasar
    Celestino Valentim Horácio""",
    women="""Maria Ana Isabel Sofia Catarina Joana Rita Teresa Marta Inês Beatriz Carla Sandra Cristina Helena
    Paula Sara Patrícia Mariana Susana Margarida Carolina Francisca Leonor Matilde Madalena Filipa Cláudia
    Sílvia Vera Luísa Raquel Mónica Daniela Alice Lara Clara Benedita Constança Lurdes Fátima Conceição Graça
    Rosa Glória Manuela Fernanda Eduarda Otília Zulmira Deolinda Hermínia Ermelinda Bárbara Júlia Eva Íris
    Telma Tânia Vânia Palmira""",
    family="""Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa Fernandes Gonçalves Gomes
    Lopes Marques Alves Almeida Ribeiro Pinto Carvalho Teixeira Moreira Correia Mendes Nunes Soares Vieira
    Monteiro Cardoso Rocha Raposo Neves Coelho Cruz Cunha Pires Ramos Reis Simões Antunes Matos Fonseca
    Machado Araújo Barbosa Tavares Lourenço Castro Figueiredo Azevedo Freitas Batista Guerreiro Pacheco Vaz
    Magalhães Henriques Barros Faria Amaral Leal Morais Salgado Vicente Melo Pinheiro Esteves Sequeira Borges
    Branco Miranda Andrade Bento Brito Leite Domingues""",
    parts=(
        "Al Bar Cas Cor Es Fal Gal Lam Mar Mon Nor Pal Per Quin Ram Sal Tor Val Ver Vil Zar Fer Gon Tei",
        "a e i o ar er in on an en ou ei as es",
        "ado ais inho eiro oso ela edo anes ães elho iga oura ande ujo eda",
    ),
    towns="""Lisboa Porto Braga Coimbra Aveiro Faro Évora Setúbal Leiria Viseu Guarda Beja Tomar Lagos Sintra
    Cascais Almada Amadora Loures Matosinhos Guimarães Barcelos Santarém Portalegre Espinho Ovar Chaves Lamego
    Peniche Funchal""",
    streets="Rua+*,Avenida+*,Travessa+*,Largo+*,Praça+*,Rua+da+*,Rua+de+*",
    short={"Rua": "R.", "Avenida": "Av.", "Travessa": "Tv.", "Largo": "Lg.", "Praça": "Pç."},
    sights="Liberdade Igreja Fonte Direita República Flores Escola Mar Castelo Moinho Ponte Combatentes Estação",
    mail="gmail.com gmail.com hotmail.com sapo.pt live.com.pt outlook.pt iol.pt yahoo.com",
    legal="Lda. Lda S.A. Unipessoal_Lda",
    trades="""Padaria Oficina Livraria Farmácia Gráfica Vinhos Têxteis Cortiças Conservas Móveis Ferragens
    Transportes""",
    office="geral info comercial contabilidade encomendas",
    mobile="9%#######",
    landline="2########",
    dial="351",
    postcode="####-###",
    tax="5########",
    families=2,
    second=0.2,
)
BRAZIL = Country(
    code="BR",
    share=0.13,
    written=("BR", "BR", "BR", "Brasil", "Brazil"),
    men="""José João Antônio Francisco Carlos Paulo Pedro Lucas Luiz Marcos Gabriel Rafael Daniel Marcelo
    Bruno Eduardo Felipe Rodrigo Manoel Mateus André Fernando Fábio Leonardo Gustavo Guilherme Leandro Tiago
    Anderson Ricardo Márcio Jorge Sebastião Alexandre Roberto Edson Diego Vítor Sérgio Cláudio Wagner Wesley
    Everton Caio Heitor Enzo Davi Murilo Otávio Raimundo Geraldo Adriano Renan Igor Valdir Nelson Jonas Ruan
    Cauã""",
    women="""Maria Ana Francisca Antônia Adriana Juliana Márcia Fernanda Patrícia Aline Sandra Camila Amanda
    Bruna Jéssica Letícia Júlia Luciana Vanessa Mariana Gabriela Vera Vitória Larissa Cláudia Beatriz Rita
    Luana Sônia Renata Eliane Josefa Simone Natália Cristiane Carla Débora Rosângela Jaqueline Rosa Daniela
    Aparecida Marlene Terezinha Raimunda Isabela Rafaela Lorena Yasmin Sabrina Tatiane Priscila Elaine Regina
    Helena Manuela Laís""",
    family="""Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro Martins
    Carvalho Almeida Lopes Soares Fernandes Vieira Barbosa Rocha Dias Nascimento Andrade Moreira Nunes Marques
    Machado Mendes Freitas Cardoso Ramos Gonçalves Santana Teixeira Araújo Cavalcanti Batista Monteiro Moura
    Correia Castro Campos Pinto Barros Azevedo Melo Cunha Duarte Farias Macedo Nogueira Peixoto Queiroz
    Rezende Sales Tavares Xavier Assis""",
    parts=(
        "Al Bar Cas Cor Es Fal Gua Ita Ja Jara Mar Mon Par Pira Quin Ram Sal Tau Uru Val Ver Vil Bra Car",
        "a e i o ar er in on an en ou ei as es",
        "ado ais inho eiro oso ela edo ema uba ães elho iga oura ande ujo",
    ),
    towns="""Campinas Santos Niterói Curitiba Londrina Maringá Joinville Blumenau Florianópolis Pelotas
    Salvador Recife Olinda Natal Fortaleza Teresina Belém Manaus Goiânia Brasília Uberlândia Contagem Sorocaba
    Osasco Vitória""",
    streets="Rua+*,Avenida+*,Travessa+*,Alameda+*,Rua+do+*,Avenida+dos+*",
    short={"Rua": "R.", "Avenida": "Av.", "Travessa": "Tv.", "Alameda": "Al."},
    sights="Bandeirantes Comércio Ipiranga Palmeiras Aurora Paraná Tupi Rosário Sol Acácias Liberdade Colombo",
    mail="gmail.com gmail.com hotmail.com yahoo.com.br uol.com.br bol.com.br outlook.com terra.com.br",
    legal="LTDA Ltda. S.A. ME EIRELI",
    trades="""Comercial Transportadora Padaria Auto Clínica Mercado Distribuidora Construtora Farmácia Editora
    Papelaria""",
    office="contato vendas comercial financeiro contabilidade",
    mobile="119########",
    landline="113#######",
    dial="55",
    postcode="#####-###",
    tax="##############",
    families=2,
    second=0.2,
)
SPAIN = Country(
    code="ES",
    share=0.16,
    written=("ES", "ES", "ES", "España", "Spain"),
    men="""Antonio José Manuel Francisco Juan David Javier Daniel Carlos Jesús Alejandro Miguel Rafael Pedro
    Pablo Ángel Sergio Fernando Jorge Luis Alberto Álvaro Adrián Diego Raúl Iván Ramón Enrique Rubén Vicente
    Óscar Andrés Joaquín Santiago Eduardo Víctor Mario Roberto Jaime Marcos Ignacio Hugo Alfonso Salvador
    Ricardo Emilio Julián Tomás Agustín Gonzalo Félix Nicolás Gabriel Samuel Lucas Martín Gregorio Cristian
    Esteban Lorenzo""",
    women="""María Carmen Ana Isabel Laura Cristina Marta Josefa Dolores Lucía Antonia Pilar Elena Francisca
    Sara Paula Raquel Mercedes Rosario Beatriz Teresa Encarnación Juana Julia Silvia Alba Rocío Irene
    Montserrat Patricia Andrea Manuela Mónica Sonia Inmaculada Sandra Margarita Susana Ángela Marina Yolanda
    Natalia Victoria Claudia Begoña Inés Nuria Lorena Eva Concepción Amparo Alicia Consuelo Luisa Olga Noelia
    Nieves Esther Gloria Verónica""",
    family="""García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Hernández
    Ruiz Díaz Moreno Muñoz Álvarez Romero Gutiérrez Alonso Navarro Torres Domínguez Ramos Vázquez Ramírez Gil
    Serrano Morales Molina Blanco Suárez Castro Ortega Delgado Ortiz Marín Rubio Núñez Medina Sanz Castillo
    Iglesias Cortés Garrido Santos Guerrero Lozano Cano Cruz Méndez Flores Prieto Herrera Peña León Márquez
    Cabrera Gallego Calvo Vidal Campos Vega Fuentes Carrasco Diez Caballero Nieto Aguilar Pascual Herrero
    Montero Lorenzo Hidalgo Ibáñez Arias""",
    parts=(
        "Al Ar Bar Be Cal Cas Cor Es Fra Gal Gar La Mar Mon Mor Or Pal Que Ro Sal To Val Ver Zar Zu",
        "a e i o ar er in on an en ur al il as",
        "ado ales illa illo ejo era ete eño ondo oso uela ueza iega igo ezo",
    ),
    towns="""Madrid Barcelona Valencia Sevilla Zaragoza Málaga Murcia Palma Bilbao Alicante Córdoba Valladolid
    Vigo Gijón Granada Elche Oviedo Badajoz Jerez Pamplona Almería Burgos Albacete Salamanca Huelva Logroño
    León Cádiz""",
    streets="Calle+*,Avenida+*,Plaza+*,Paseo+*,Calle+de+la+*,Camino+de+*",
    short={"Calle": "C/", "Avenida": "Avda.", "Plaza": "Pza.", "Paseo": "Pº", "Camino": "Cno."},
    sights="Mayor Constitución Iglesia Real Fuente Sol Libertad Molino Castillo Rosas Olivos Estación Huertas",
    mail="gmail.com gmail.com hotmail.com hotmail.es yahoo.es outlook.es telefonica.net icloud.com",
    legal="S.L. S.A. SL S.L.U.",
    trades="""Talleres Muebles Construcciones Panadería Farmacia Transportes Clínica Hostal Bodegas Ferretería
    Seguros""",
    office="info ventas administracion contacto pedidos",
    mobile="6########",
    landline="9########",
    dial="34",
    postcode="#####",
    tax="B########",
    families=2,
    second=0.15,
)
POLAND = Country(
    code="PL",
    share=0.12,
    written=("PL", "PL", "PL", "Polska", "Poland"),
    men="""Piotr Krzysztof Andrzej Tomasz Paweł Jan Michał Marcin Jakub Adam Marek Łukasz Grzegorz Mateusz
    Wojciech Mariusz Dariusz Zbigniew Jerzy Maciej Rafał Robert Kamil Jacek Dawid Tadeusz Szymon Ryszard
    Kacper Bartosz Artur Jarosław Sławomir Sebastian Janusz Damian Stanisław Mirosław Patryk Daniel Henryk
    Przemysław Filip Roman Karol Kazimierz Wiesław Adrian Konrad Bogdan Leszek Hubert Emil Witold Ignacy
    Antoni Franciszek Oskar Igor Norbert""",
    women="""Anna Katarzyna Maria Małgorzata Agnieszka Barbara Ewa Krystyna Magdalena Elżbieta Joanna
    Aleksandra Zofia Monika Teresa Danuta Natalia Karolina Marta Julia Beata Dorota Halina Jadwiga Janina
    Alicja Jolanta Iwona Grażyna Irena Paulina Justyna Zuzanna Bożena Hanna Wiktoria Urszula Renata Sylwia
    Agata Helena Patrycja Maja Izabela Emilia Aneta Weronika Ewelina Oliwia Martyna Klaudia Marzena Stanisława
    Gabriela Kinga Lena Amelia Wanda Edyta Kamila""",
    family="""Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak
    Dąbrowski Kozłowski Mazur Jankowski Wojciechowski Kwiatkowski Krawczyk Kaczmarek Piotrowski Grabowski
    Zając Pawłowski Michalski Król Wieczorek Jabłoński Wróbel Nowakowski Majewski Olszewski Dudek Stępień
    Jaworski Adamczyk Malinowski Pawlak Górski Nowicki Sikora Witkowski Rutkowski Walczak Baran Michalak
    Szewczyk Ostrowski Tomaszewski Pietrzak Zalewski Duda Wróblewski Marciniak Jasiński Zawadzki Bąk Sadowski
    Jakubowski Wilk Włodarczyk Chmielewski Borkowski Sokołowski""",
    parts=(
        "Bar Bie Bor Bru Chrza Czar Dob Gaw Gra Jas Kar Kos Kra Lis Ław Mal Mro Nied Ol Pie Rad Sko Szcz Wol Zab",
        "a e i o ał er in an en ów ęb ys ol ut",
        "czak czyk ecki ewicz ek iak icki iński ala arz ocha oń uk ut asz",
    ),
    towns="""Warszawa Kraków Łódź Wrocław Poznań Gdańsk Szczecin Bydgoszcz Lublin Białystok Katowice Gdynia
    Częstochowa Radom Toruń Sosnowiec Kielce Gliwice Zabrze Olsztyn Rzeszów Opole Tychy Płock Elbląg Tarnów
    Koszalin""",
    streets="ul.+*,al.+*,os.+*,pl.+*,ul.+*",
    short={"ul.": "ulica", "al.": "aleja", "os.": "osiedle", "pl.": "plac"},
    sights="""Polna Leśna Słoneczna Krótka Szkolna Ogrodowa Lipowa Brzozowa Łąkowa Kwiatowa Sosnowa Kościelna
    Akacjowa""",
    mail="gmail.com gmail.com wp.pl onet.pl o2.pl interia.pl op.pl",
    legal="Sp.z_o.o. Sp._z_o.o. S.A. s.c.",
    trades="""Apteka Hurtownia Piekarnia Warsztat Drukarnia Księgarnia Transport Meble Ogrody Instalacje Biuro
    Stolarnia""",
    office="biuro kontakt sklep sekretariat ksiegowosc",
    mobile="5########",
    landline="22#######",
    dial="48",
    postcode="##-###",
    tax="##########",
    second=0.1,
)
GERMANY = Country(
    code="DE",
    share=0.13,
    written=("DE", "DE", "DE", "Deutschland", "Germany"),
    men="""Thomas Michael Andreas Peter Stefan Christian Hans Klaus Wolfgang Jürgen Markus Martin Frank Bernd
    Dieter Uwe Alexander Werner Matthias Günter Helmut Jan Sebastian Daniel Tobias Florian Jens Ralf Manfred
    Horst Karl Heinz Gerhard Walter Jörg Oliver Sven Felix Lukas Jonas Leon Paul Maximilian Tim Philipp
    Johannes Rainer Rolf Holger Torsten Dirk Volker Norbert Ulrich Harald Erik Moritz Jakob Benjamin David
    Friedrich Ludwig""",
    women="""Ursula Monika Petra Sabine Andrea Claudia Susanne Anna Karin Renate Julia Birgit Brigitte
    Gabriele Nicole Stefanie Christine Elke Katrin Martina Ingrid Angelika Barbara Heike Sandra Christina
    Katharina Melanie Anja Silke Helga Maria Lena Laura Lisa Sarah Hannah Sophie Johanna Marie Gisela Erika
    Jutta Ute Tanja Bettina Sonja Christa Elisabeth Margarete Franziska Vanessa Jana Ines Hildegard Charlotte
    Greta Frieda Antje Kerstin""",
    family="""Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer
    Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner
    Schmitz Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs
    Peters Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth
    Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt
    Stein Jäger Otto Sommer Groß Seidel Heinrich""",
    parts=(
        "Alt Ba Birk Brand Bruck Dorn Eich Feld Gold Grun Hasel Hol Kalt Kirch Lind Mar Neu Ober Ro Stein Wald Wies",
        "en er el in an ig es ar un ol",
        "bach bauer berg brandt dorf feld hauer hofer horst huber mann mayer ried stein wald weg",
    ),
    towns="""Berlin Hamburg München Köln Frankfurt Stuttgart Düsseldorf Leipzig Dortmund Essen Bremen Dresden
    Hannover Nürnberg Duisburg Bochum Wuppertal Bielefeld Bonn Münster Karlsruhe Augsburg Kiel Lübeck Erfurt
    Mainz Kassel""",
    streets="*straße,*weg,*allee,*gasse,*platz,Am+*",
    short={"straße": "str.", "platz": "pl."},
    sights="Haupt Bahnhof Garten Schul Dorf Berg Linden Kirch Wald Rosen Mühlen Wiesen Schiller Goethe Birken",
    mail="gmail.com gmx.de web.de t-online.de freenet.de outlook.de gmx.net yahoo.de",
    legal="GmbH GmbH AG KG e.K.",
    trades="""Autohaus Bäckerei Druckerei Gärtnerei Elektro Möbel Spedition Apotheke Metallbau Buchhandlung
    Weingut Optik""",
    office="info kontakt verkauf buero buchhaltung",
    mobile="1#########",
    landline="6########",
    dial="49",
    postcode="#####",
    tax="DE#########",
    second=0.12,
)
STATES = Country(
    code="US",
    share=0.11,
    written=("US", "US", "USA", "United States"),
    men="""James Robert John Michael David William Richard Joseph Thomas Charles Christopher Daniel Matthew
    Anthony Mark Donald Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason
    Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory
    Frank Alexander Raymond Patrick Jack Dennis Jerry Tyler Aaron Henry Peter Nathan Douglas Zachary Walter
    Kyle Harold""",
    women="""Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty
    Margaret Sandra Ashley Kimberly Emily Donna Michelle Carol Amanda Dorothy Melissa Deborah Stephanie
    Rebecca Sharon Laura Cynthia Kathleen Amy Angela Shirley Anna Brenda Pamela Emma Nicole Helen Samantha
    Katherine Christine Debra Rachel Carolyn Janet Catherine Maria Heather Diane Ruth Julie Olivia Joyce
    Virginia Victoria Kelly Lauren Christina""",
    family="""Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore Jackson
    Martin Lee Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green
    Adams Nelson Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Edwards Collins
    Stewart Morris Murphy Cook Rogers Morgan Cooper Peterson Reed Bailey Bell Kelly Howard Ward Cox Richardson
    Wood Watson Brooks Bennett Gray Hughes Price Myers Long Foster Sanders Ross Powell Sullivan Russell
    Jenkins Perry Butler Barnes Fisher""",
    parts=(
        "Ash Black Brad Brook Cal Chest Clif Cran Dal East Fair Glen Hart Hol Lang Mar New Oak Rad Stan Thorn Wood",
        "a e ing en er in ar al o le",
        "bury by combe field ford ham hurst land ley man more ridge son stone ton well wick worth",
    ),
    towns="""Austin Boston Chicago Columbus Dallas Denver Detroit Houston Memphis Miami Nashville Phoenix
    Portland Raleigh Sacramento Seattle Tampa Tucson Tulsa Albuquerque Atlanta Baltimore Omaha Oakland
    Cleveland Richmond""",
    streets="*+Street,*+Avenue,*+Road,*+Drive,*+Lane",
    short={"Street": "St", "Avenue": "Ave", "Road": "Rd", "Drive": "Dr", "Lane": "Ln"},
    sights="Main Oak Park Maple Washington Lake Hill Elm Cedar Sunset Church River Spring Mill Pine",
    mail="gmail.com gmail.com yahoo.com hotmail.com outlook.com icloud.com aol.com",
    legal="LLC Inc. Inc Corp.",
    trades="Plumbing Hardware Bakery Logistics Law Dental Auto Books Landscaping Roofing Realty Catering",
    office="info sales contact office billing",
    mobile="3%########",
    landline="2%########",
    dial="1",
    postcode="#####",
    tax="##-#######",
    second=0.2,
)
FRANCE = Country(
    code="FR",
    share=0.09,
    written=("FR", "FR", "FR", "France", "Francia"),
    men="""Jean Pierre Michel André Philippe Alain Bernard Jacques Daniel Nicolas Christophe Patrick Frédéric
    Laurent Stéphane Pascal David Éric Julien Thomas Sébastien François Olivier Christian Gérard Thierry
    Alexandre Antoine Maxime Guillaume Vincent Bruno Romain Jérôme Hugo Lucas Mathieu Benoît Cédric Xavier
    Yves Didier Franck Fabien Denis Marc Gilles Serge Guy Roland Louis Gabriel Arthur Théo Émile Léon Baptiste
    Clément Adrien Rémi""",
    women="""Marie Nathalie Isabelle Sylvie Catherine Françoise Martine Christine Monique Valérie Sandrine
    Véronique Nicole Stéphanie Sophie Céline Chantal Patricia Anne Brigitte Julie Aurélie Laurence Christelle
    Dominique Émilie Camille Jacqueline Florence Laura Hélène Virginie Caroline Léa Manon Chloé Emma Sarah
    Claire Mathilde Élodie Corinne Delphine Pauline Charlotte Audrey Lucie Alice Agnès Thérèse Geneviève
    Madeleine Louise Jeanne Simone Odette Inès""",
    family="""Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre
    Leroy Roux David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller
    Lefevre Faure Andre Mercier Blanc Guerin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin
    Robin Clement Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire
    Noel Meyer Dufour Meunier Brun Blanchard Giraud Joly Riviere Lucas Brunet Gaillard Barbier Arnaud Martinez
    Gerard Roche Renard Schmitt Roy Leroux Colin""",
    parts=(
        "Au Bar Beau Bel Bour Bre Cha Cler Cour Dela Fau Fon Gar Gui La Le Mal Mar Mont Per Pom Ro Saint Val Ver",
        "a e i o ar er in on an en ou ai el",
        "ard aud eau elle et ette ier ille in ois on ot oux quet teau",
    ),
    towns="""Paris Lyon Marseille Toulouse Nice Nantes Strasbourg Montpellier Bordeaux Lille Rennes Reims
    Toulon Grenoble Dijon Angers Nîmes Brest Limoges Tours Amiens Metz Besançon Orléans Rouen Caen Nancy
    Avignon""",
    streets="rue+*,avenue+*,boulevard+*,place+*,rue+de+la+*,chemin+*",
    short={"rue": "r.", "avenue": "av.", "boulevard": "bd", "place": "pl.", "chemin": "ch."},
    sights="République Gare Église Mairie Victor-Hugo Pasteur Paix Moulin Château Écoles Liberté Fontaine Tilleuls",
    mail="gmail.com gmail.com orange.fr free.fr wanadoo.fr laposte.net sfr.fr hotmail.fr",
    legal="SARL S.A. SAS EURL",
    trades="""Boulangerie Garage Librairie Pharmacie Imprimerie Optique Menuiserie Transports Fleurs Cave
    Maçonnerie Agence""",
    office="contact info accueil commercial compta",
    mobile="6########",
    landline="1########",
    dial="33",
    postcode="#####",
    tax="FR###########",
    second=0.12,
)
COUNTRIES = (PORTUGAL, BRAZIL, SPAIN, POLAND, GERMANY, STATES, FRANCE)

# one name in several languages: Portuguese, Spanish, Polish, German, English, French
_FOREIGN = """João Juan Jan Johannes John Jean|José José Józef Josef Joseph Joseph
|Pedro Pedro Piotr Peter Peter Pierre|Paulo Pablo Paweł Paul Paul Paul
|Miguel Miguel Michał Michael Michael Michel|Jorge Jorge Jerzy Georg George Georges
|Tiago Santiago Jakub Jakob James Jacques|Carlos Carlos Karol Karl Charles Charles
|André Andrés Andrzej Andreas Andrew André|Luís Luis Ludwik Ludwig Louis Louis
|Francisco Francisco Franciszek Franz Francis François|António Antonio Antoni Anton Anthony Antoine
|Filipe Felipe Filip Philipp Philip Philippe|Mateus Mateo Mateusz Matthias Matthew Mathieu
|Marcos Marcos Marek Markus Mark Marc|Estêvão Esteban Stefan Stefan Stephen Étienne
|Guilherme Guillermo Wilhelm Wilhelm William Guillaume|Henrique Enrique Henryk Heinrich Henry Henri
|Alexandre Alejandro Aleksander Alexander Alexander Alexandre
|Eduardo Eduardo Edward Eduard Edward Édouard|Ricardo Ricardo Ryszard Richard Richard Richard
|Tomás Tomás Tomasz Thomas Thomas Thomas|Maria María Maria Maria Mary Marie
|Ana Ana Anna Anna Ann Anne|Isabel Isabel Elżbieta Elisabeth Elizabeth Élisabeth
|Catarina Catalina Katarzyna Katharina Catherine Catherine
|Margarida Margarita Małgorzata Margarete Margaret Marguerite|Joana Juana Joanna Johanna Joan Jeanne
|Helena Elena Helena Helene Helen Hélène|Madalena Magdalena Magdalena Magdalena Magdalen Madeleine
|Cristina Cristina Krystyna Christine Christine Christine|Inês Inés Agnieszka Agnes Agnes Agnès
|Sofia Sofía Zofia Sophie Sophia Sophie|Júlia Julia Julia Julia Julia Julie
|Susana Susana Zuzanna Susanne Susan Suzanne|Alice Alicia Alicja Alice Alice Alice
|Francisca Francisca Franciszka Franziska Frances Françoise|Luísa Luisa Ludwika Luise Louise Louise
|Rosa Rosa Róża Rosa Rose Rose"""

_SHORT = """João:Joca José:Zé António:Tó,Toni Manuel:Manel,Neca Francisco:Chico,Paco Pedro:Pedrinho Luís:Lulu
Miguel:Micas Ricardo:Rick Fernando:Nando Joaquim:Quim Gonçalo:Gongas Rodrigo:Digo Eduardo:Edu,Dudu
Alexandre:Xande,Alex Catarina:Cati Teresa:Teresinha Beatriz:Bia,Bea Patrícia:Pati Margarida:Guida
Francisca:Kika,Xica Maria:Mia,Mimi Isabel:Isa,Bela Mariana:Nana Filipa:Pipa Carolina:Carol,Lina
Antônio:Toninho,Tonho Luiz:Lula Gabriel:Gabi Rafael:Rafa Guilherme:Gui Gustavo:Guga Leonardo:Leo
Sebastião:Tião Fernanda:Nanda Juliana:Ju Gabriela:Gabi Camila:Mila Isabela:Isa Rafaela:Rafa Antonio:Toño
Manuel:Manolo Jesús:Chus Alejandro:Álex Ignacio:Nacho Enrique:Quique,Kike Vicente:Chente Santiago:Santi
Dolores:Lola Josefa:Pepa Pilar:Pili Mercedes:Merche Rosario:Charo Encarnación:Encarna Montserrat:Montse
Concepción:Concha Inmaculada:Inma Beatriz:Bea Krzysztof:Krzysiek Tomasz:Tomek Andrzej:Jędrek Piotr:Piotrek
Grzegorz:Grzesiek Wojciech:Wojtek Jakub:Kuba Łukasz:Łukaszek Mateusz:Mati Zbigniew:Zbyszek Stanisław:Staszek
Tadeusz:Tadek Aleksandra:Ola Katarzyna:Kasia Małgorzata:Gosia Agnieszka:Aga Joanna:Asia Magdalena:Magda
Elżbieta:Ela Zofia:Zosia Barbara:Basia Jadwiga:Jadzia Michael:Michi,Mike Thomas:Tom Andreas:Andi
Stefan:Steffen Wolfgang:Wolf Klaus:Klausi Johannes:Hannes,Hans Maximilian:Max Benjamin:Ben
Alexander:Alex,Sascha Friedrich:Fritz Susanne:Susi Katharina:Kathi Gabriele:Gabi Elisabeth:Lisa,Sissi
Christina:Tina Stefanie:Steffi Charlotte:Lotte Margarete:Grete Angelika:Geli Ursula:Uschi Robert:Bob,Rob
William:Bill,Will Richard:Rick,Dick James:Jim,Jimmy John:Jack,Johnny Joseph:Joe Charles:Charlie,Chuck
Christopher:Chris Daniel:Dan,Danny Matthew:Matt Anthony:Tony Donald:Don Steven:Steve Andrew:Andy Joshua:Josh
Kenneth:Ken Edward:Ed,Ted Timothy:Tim Gregory:Greg Samuel:Sam Nicholas:Nick Jeffrey:Jeff Ronald:Ron
Patricia:Pat,Patty Jennifer:Jen,Jenny Elizabeth:Liz,Beth,Betty Susan:Sue Margaret:Peggy,Meg Deborah:Debbie
Rebecca:Becky Kimberly:Kim Katherine:Kate,Kathy Stephanie:Steph Victoria:Vicky Jacqueline:Jackie
Alexandre:Alex Frédéric:Fred Philippe:Phil Christophe:Chris Sébastien:Seb Guillaume:Gui Mathieu:Mat
Nathalie:Nath Catherine:Cathy Stéphanie:Steph Véronique:Véro Caroline:Caro Émilie:Mimi Valérie:Val"""

LANGUAGES = {"PT": 0, "BR": 0, "ES": 1, "PL": 2, "DE": 3, "US": 4, "FR": 5}


def _foreign() -> dict[tuple[str, str], tuple[str, ...]]:
    """(country, given name) → the same name in other languages, where it is written otherwise."""
    found = {}
    for line in _FOREIGN.replace("\n", "").split("|"):
        forms = line.split()
        for code, at in LANGUAGES.items():
            others = tuple(dict.fromkeys(form for form in forms if form != forms[at]))
            if others:
                found[code, forms[at]] = others
    return found


FOREIGN = _foreign()
SHORT = {name: forms.split(",") for name, _, forms in (word.partition(":") for word in _SHORT.split())}
BRANDS = tuple(
    f"{first}{last}"
    for first in """Vizi Nodo Lunev Sume Zuro Alti Bero Cali Dexo Efra Galo Hexa Inno Juva Kelo Mira Nexa Orbi
    Pluvi Rivo""".split()
    for last in "com tec med net sol dyn plan flex mar via tron fol logic vita cor".split()
)
PLACEHOLDER_MAILS = "test@test.com noreply@example.com a@a.com none@none.com sem@email.pt na@na.com".split()
PLACEHOLDER_PHONES = "000000000 999999999 123456789 111111111".split()
PLACEHOLDER_TEXTS = "N/A - UNKNOWN n.a. xxx".split()
